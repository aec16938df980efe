"""All programs, in the order of the table in ``docs/programs.md``."""

from tests.programs.stories import debian, java_script, python_servers, python_uis

PROGRAMS = [*python_uis.PROGRAMS, *python_servers.PROGRAMS, *java_script.PROGRAMS, *debian.PROGRAMS]
