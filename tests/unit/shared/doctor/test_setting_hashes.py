"""Two services learn whether they have the same settings, and nothing else about them."""

from shared.doctor.setting_hashes import compare_settings, hash_settings

NONCE, ANOTHER = "0" * 32, "1" * 32
SECRET, OLD = "a-secret-that-both-of-them-have-01", "a-secret-that-was-in-use-before-02"
THEIRS = {"NEXTAUTH_URL": ["https://gate.example"], "SECRET_KEY": [SECRET]}


def test_what_is_the_same_and_what_is_not() -> None:
    """A value is the same, or one that is still good, or another one; or there is no such setting here."""
    ours = {"SAME": ["a"], "PREVIOUS": ["new", OLD], "OTHER": ["b"], "EMPTY": []}
    theirs = {"SAME": ["a"], "PREVIOUS": [OLD], "OTHER": ["c"], "EMPTY": ["d"], "MISSING": ["e"]}
    assert compare_settings(ours, hash_settings(theirs, NONCE), NONCE) == {
        "SAME": "same",
        "PREVIOUS": "previous",
        "OTHER": "other",
        "EMPTY": "unknown",
        "MISSING": "unknown",
    }


def test_only_the_value_in_use_is_asked_about() -> None:
    """What the caller has among its previous secrets does not make its value in use the same."""
    theirs = {"SECRET_KEY": ["their-new-secret-03", SECRET]}
    assert compare_settings({"SECRET_KEY": [SECRET]}, hash_settings(theirs, NONCE), NONCE) == {"SECRET_KEY": "other"}


def test_a_setting_without_a_value_is_not_asked_about() -> None:
    """A setting that has no value is not sent."""
    assert hash_settings({"SECRET_KEY": []}, NONCE) == {}


def test_a_hash_says_nothing_by_itself() -> None:
    """A hash shows no value, is another one with each nonce and for each setting, and counts with its nonce alone."""
    hashes = hash_settings(THEIRS, NONCE)
    assert SECRET not in str(hashes)
    assert not set(hashes.values()) & set(hash_settings(THEIRS, ANOTHER).values())
    assert hash_settings({"A": ["same"]}, NONCE)["A"] != hash_settings({"B": ["same"]}, NONCE)["B"]
    assert compare_settings(THEIRS, hashes, ANOTHER) == dict.fromkeys(THEIRS, "other")
