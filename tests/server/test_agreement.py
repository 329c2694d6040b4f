"""What a partial shows of readings of the same speech."""

from captions.server.agreement import Agreement


def shown(*texts: str) -> list[str]:
    agreement = Agreement()
    return [agreement.heard(text) for text in texts]


def test_nothing_is_shown_before_a_second_reading_agrees() -> None:
    assert shown("Good morn", "Good morning to", "Good morning to you") == ["", "Good", "Good morning to"]


def test_case_and_punctuation_do_not_keep_readings_from_agreeing_and_the_newest_form_is_shown() -> None:
    assert shown("good morning Everyone. I", "Good morning, everyone. I am")[-1] == "Good morning, everyone. I"


def test_a_sentence_ends_only_where_both_readings_end_it() -> None:
    assert shown("Good morning.", "Good morning. I")[-1] == "Good morning."
    assert shown("Good morning", "Good morning.")[-1] == "Good morning"


def test_a_single_reading_takes_nothing_away() -> None:
    assert shown("one two three", "one two three four", "won", "one two three four five")[1:] == [
        "one two three",
        "one two three",
        "one two three",
    ]
    assert shown("one two", "one two", "", "one two three", "one two three")[2:] == [
        "one two",
        "one two",
        "one two three",
    ]


def test_what_two_readings_say_instead_takes_its_place() -> None:
    assert shown("I scream for", "I scream for", "Ice cream for", "Ice cream for all")[1:] == [
        "I scream for",
        "I scream for",
        "Ice cream for",
    ]


def test_a_sure_reading_is_shown_whole_and_agrees_with_the_next() -> None:
    agreement = Agreement()
    agreement.heard("Добро по")
    agreement.agreed("Добро пожаловать.")
    assert agreement.heard("Добро пожаловать в") == "Добро пожаловать."
    assert agreement.heard("Добро пожаловать в дом") == "Добро пожаловать в"
