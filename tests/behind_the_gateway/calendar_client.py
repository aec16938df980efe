"""The main story of a calendar, by the client ``caldav``: python calendar_client.py URL NAME PASSWORD.

It prints what it found, as JSON, or the name of what went wrong.
"""

import json
import sys
from datetime import UTC, datetime

import caldav
from caldav.lib.error import AuthorizationError

UID = "50%#1 [x]"  # as strange as clients make them
BEGIN = datetime(2030, 1, 2, 9, tzinfo=UTC)


def main() -> None:
    """Make a calendar with an event; find, change, move and delete that."""
    url, name, password = sys.argv[1:]
    with caldav.DAVClient(url=url, username=name, password=password) as client:
        try:
            found = use(client.principal())
        except AuthorizationError as error:
            found = {"refused": error.reason}
    json.dump(found, sys.stdout)


def use(principal: caldav.Principal) -> dict[str, object]:
    """Return what each step showed."""
    calendar = principal.make_calendar(name="Übungen", cal_id="exercises")
    event = calendar.save_event(dtstart=BEGIN, dtend=BEGIN.replace(hour=10), summary="Exam", uid=UID)
    (found,) = calendar.search(start=BEGIN.replace(day=1), end=BEGIN.replace(day=3), event=True, expand=False)
    with found.edit_icalendar_component() as component:
        component["summary"] = "Examination"
    found.save()
    changed = calendar.event_by_uid(UID).icalendar_component
    names = [each.get_display_name() for each in principal.calendars()]
    event.delete()
    left = len(calendar.events())
    calendar.delete()
    return {
        "name": str(found.icalendar_component["summary"]),
        "changed": str(changed["summary"]),
        "calendars": names,
        "left": left,
        "calendars left": len(principal.calendars()),
    }


if __name__ == "__main__":
    main()
