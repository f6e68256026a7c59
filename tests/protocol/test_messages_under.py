"""A message that is made like another one is the message that would have been validated, or is not made at all."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from message_strategies import BY_KIND, plans, refs, stems

from protocol import messages as m
from protocol.codec import decode_body, encode
from protocol.units import MAX_POWER_W

like_messages = st.one_of(BY_KIND["request"], BY_KIND["relax"], BY_KIND["award"])


@given(like_messages, refs, stems, st.data())
def test_made_like_another_it_is_what_would_have_been_validated(
    message: m.Request | m.Relax | m.Award, message_id: str, award_id: str, data: st.DataObject
) -> None:
    own: dict[str, Any] = {"message_id": message_id}
    if isinstance(message, m.Award):
        own["award_id"] = award_id
    if isinstance(message, m.Request) or (isinstance(message, m.Award) and message.outcome is m.Outcome.CONCLUDED):
        own["power_w"] = data.draw(plans(len(message.power_w)))
    given_fields = {name: getattr(message, name) for name in message.model_fields_set}
    made, validated = message.under(**own), type(message)(**given_fields | own)
    assert made == validated
    assert encode(made) == encode(validated)
    assert decode_body(message.kind, encode(made)) == made
    assert made.model_fields_set == validated.model_fields_set
    assert made.model_copy(update={"revision": 1}) == validated.model_copy(update={"revision": 1})


@given(BY_KIND["award"], st.text(max_size=300).filter(lambda text: not m.REF.match(text)))
def test_what_is_no_reference_is_refused(message: m.Award, text: str) -> None:
    with pytest.raises(ValueError, match="is no reference"):
        message.under(text)
    with pytest.raises(ValueError, match="is no reference"):
        message.under("a", award_id=text)
    with pytest.raises(ValueError, match="is no reference"):
        message.under("a", offer_id="b")


@given(BY_KIND["request"], st.sampled_from([-1, MAX_POWER_W + 1]))
def test_what_is_no_plan_like_it_is_refused(message: m.Request, beyond_w: int) -> None:
    for power_w in ((), (*message.power_w, 1), (*message.power_w[1:], beyond_w)):
        with pytest.raises(ValueError, match="is no plan"):
            message.under("a", power_w)
