"""Mobile numbers in their one form."""

import phonenumbers

# Where a number without its country is taken to be from.
HOME = "SA"


def e164(text: str) -> str | None:
    """A mobile number in its one form; None where it is none."""
    try:
        number = phonenumbers.parse(text, HOME)
    except phonenumbers.NumberParseException:
        return None
    kind = phonenumbers.number_type(number)
    mobile = phonenumbers.PhoneNumberType
    if kind not in (mobile.MOBILE, mobile.FIXED_LINE_OR_MOBILE):
        return None
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))
