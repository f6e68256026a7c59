"""The resident's page in English and Japanese: whole sentences, and words for what the history calls by a name.

A name that came later (a stage, a reason, a limit) is shown as it is, without its underscores.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from agents.negotiation.cause import WithdrawalCause
from agents.pages.home.pay import given_up, in_money, leaving_costs, promised
from agents.pages.home.view import HomeDevice, HomeEvent, HomeLimit
from agents.pages.web.figures import Clockface, CountdownWords
from agents.settings.parties import Payment
from protocol.kilowatts import kilowatt_hours, kilowatts
from protocol.units import Direction

COUNTDOWNS = {"en": CountdownWords(), "ja": CountdownWords("時間", "分", "秒", "期限です")}
LANGUAGES = {"en": "English", "ja": "日本語"}
EN: Mapping[str, str] = {
    "title": "Your home",
    "decrease": "From {begin} to {end} your home is asked to use up to {power} less, or to give it back.",
    "increase": "From {begin} to {end} your home is asked to use up to {power} more.",
    "agreed_decrease": "From {begin} to {end} your home uses up to {power} less, or gives it back, as agreed.",
    "agreed_increase": "From {begin} to {end} your home uses up to {power} more, as agreed.",
    "earns": "That earns up to {money}.",
    "earns_event": "That earns {money} if you stay to its end.",
    "earns_month": "Your contract pays {money} a month for all of it.",
    "contract": "Your contract says what it earns.",
    "car": "Your car is charged as you set it when it leaves.",
    "car_loosened": "For this your limits are loosened, as far as you agreed beforehand.",
    "stored": "Without an answer your home {says}.",
    "says_yes": "takes part",
    "says_no": "takes no part",
    "left_to_answer": "Left to answer",
    "accept": "Take part",
    "decline": "Not this time",
    "change_yes": "Take part after all",
    "override": "Stop this now",
    "override_costs": "It stops at once, also without internet. You give up what the rest would earn{money}. {contract}",
    "leaving_unknown": "Your contract says whether leaving costs more than that.",
    "leaving_free": "Your contract asks for nothing more.",
    "leaving_costs": "Your contract takes {money} for leaving.",
    "up_to": ", up to {money}",
    "charge": "Charge now",
    "charge_hint": "Leaves what runs and says no until the car leaves.",
    "charge_late": "It then charges by its own plan, which is late: start it at the charger if you need it sooner.",
    "keep": "Keep what is stored for an outage",
    "keep_hint": "Nothing that is stored now is given away, and what draws on it stops, until you take it back.",
    "keeping": "What was stored is kept for an outage: {what}.",
    "unkeep": "Use the battery again",
    "limits_saved": "limits saved",
    "told_later": "saved; your home's agent is told as soon as it answers",
    "change": "Change",
    "unlimit": "Back to what my settings say",
    "changed_here": "changed here",
    "loosen_may": "may be loosened to",
    "loosen_times": "When limits may be loosened",
    "loosen_hint": "Left empty: whenever it is asked for, as far as you agreed.",
    "loosen_not_now": "At this hour nothing is loosened.",
    "leaves_next": "leaves next at",
    "key_departure_soc_wh": "Ready when it leaves, at least",
    "key_reserve_wh": "Never below",
    "key_least_wh": "Stored heat never below",
    "key_relay_ops_left": "Switchings of its relay an event, at most",
    "key_relay_ops_a_day": "Switchings of its relay a day, at most",
    "key_least_c": "Not below",
    "key_most_c": "Not above",
    "key_comfort_steps_k": "May go beyond that by, when asked",
    "wrong_unfit": "{device} cannot have these limits together: what may be loosened has to lie beyond the limit, and no limit beyond the battery.",
    "wrong_missing": "{device}: a number is missing.",
    "wrong_beyond": "{device}: per cent lie between 0 and 100.",
    "wrong_no_times": "{device}: say a whole number of times.",
    "wrong_no_number": "{value} is no number.",
    "wrong_no_store": "Nothing here tells how much it stores.",
    "wrong_no_device": "There is no device {device}.",
    "wrong_no_time": "{value} is no time of the day.",
    "wrong_choice": "That cannot be chosen: say how often a day with a whole number from 1 to 24, and times as 21:30.",
    "wrong_form": "This form is too old, or comes from elsewhere: load the page again.",
    "wrong_page": "There is no such page.",
    "subject": "Your home is asked",
    "answer_until": "Please answer by {at}.",
    "month": "This month so far: {money}, provisional",
    "devices": "What your devices do, and why",
    "own_plan": "follows its own plan",
    "gives": "gives {power} back until {until}, because you take part in {event}",
    "draws": "draws {power} until {until}, because you take part in {event}",
    "rests": "draws nothing until {until}, because you take part in {event}",
    "trouble": "offers nothing: {why}",
    "battery": "battery at {pct} % ({energy})",
    "plugged": "plugged in",
    "away": "away",
    "leaves": "leaves {at}",
    "limits": "What always holds",
    "departure_soc_wh": "ready at {at} with at least {value}",
    "reserve_wh": "never below {value}: for you, or for an outage",
    "least_wh": "never below {value} of stored heat",
    "relay_ops_left": "at most {value} switchings of its relay an event",
    "relay_ops_a_day": "at most {value} switchings of its relay a day",
    "least_c": "not below {value}",
    "most_c": "not above {value}",
    "loosened": "loosened to {value} when asked",
    "fixed": "never loosened",
    "limits_where": "Changes hold for every answer from now on. What is agreed already goes on as agreed: stop it above if it should not.",
    "rule": "When you are asked",
    "rule_ask": "Ask me each time",
    "rule_always": "Always take part within my limits",
    "most_a_day": "So many times a day at most; beyond that I am asked",
    "rule_never": "Never take part (withdraws consent, leaves what runs)",
    "save": "Save",
    "quiet": "Quiet hours",
    "quiet_hint": "No messages in this time; an unanswered question is decided by the rule above, else by your home's settings.",
    "from": "from",
    "to": "to",
    "skip": "The car stays at home today",
    "history": "What was, and what it earned",
    "provisional": "provisional",
    "final": "metered to the end; final when your aggregator has settled",
    "estimated": "replacement values in {count} of {slots} time slots, where a meter could not be read",
    "nothing_asked": "Nothing is asked of your home.",
    "nothing_yet": "Nothing is over yet.",
    "paused": "Your home says no to everything until {at}.",
    "resume": "Take part again",
    "my_data": "My data as a file",
    "name": "Name",
    "password": "Password",
    "login": "Log in",
    "logout": "Log out",
    "wrong_login": "Name and password do not fit, or there were too many tries: wait a minute.",
    "lost": "The connection to your home is lost: what stands here may be old.",
    "agent_gone": "Your home's agent does not answer on this machine: nothing can be ordered here now.",
    "details": "In your agent's words",
    "when": "When",
    "outcome": "Outcome",
    "delivered": "Delivered",
    "earned": "Earned",
    "bound": "Why no more: {why}",
    "done": "Done: {what}",
    "zone_local": "Show in my zone",
    "zone_utc": "Show in UTC",
    "times": "Times",
    "skip_link": "To the content",
    "refused": "That was refused",
    "ended_early": "ended early: {why}",
}
JA: Mapping[str, str] = {
    "title": "わが家",
    "decrease": "{begin}から{end}まで、最大 {power} の節電または放電が求められています。",
    "increase": "{begin}から{end}まで、最大 {power} 多く使うこと(充電など)が求められています。",
    "agreed_decrease": "約定どおり、{begin}から{end}まで最大 {power} の節電または放電を行います。",
    "agreed_increase": "約定どおり、{begin}から{end}まで最大 {power} 多く使います(充電など)。",
    "earns": "報酬は最大 {money} です。",
    "earns_event": "最後まで参加すると {money} の報酬があります。",
    "earns_month": "契約により毎月 {money} が支払われます。",
    "contract": "報酬は契約で定められています。",
    "car": "クルマは出発までに設定どおり充電されます。",
    "car_loosened": "事前に同意いただいた範囲で制限が緩和されます。",
    "stored": "ご回答がない場合は{says}。",
    "says_yes": "参加します",
    "says_no": "参加しません",
    "left_to_answer": "回答期限まで",
    "accept": "参加する",
    "decline": "今回は参加しない",
    "change_yes": "やはり参加する",
    "override": "今すぐ止める",
    "override_costs": "インターネットがなくてもすぐに止まります。残りの報酬{money}は受け取れません。{contract}",
    "leaving_unknown": "ほかの取り決めは契約をご覧ください。",
    "leaving_free": "契約上、ほかに費用はかかりません。",
    "leaving_costs": "契約により、途中でやめると {money} がかかります。",
    "up_to": "(最大 {money})",
    "charge": "今すぐ充電",
    "charge_hint": "実施中の制御をやめ、出発まで参加しません。",
    "charge_late": "その後は通常の予定(遅めの充電)に従います。すぐに必要な場合は充電器で開始してください。",
    "keep": "停電に備えて今の蓄電量を残す",
    "keep_hint": "解除するまで、今たまっている電気は使われず、放電中のものは止まります。",
    "keeping": "停電に備えて残しています:{what}。",
    "unkeep": "蓄電した電気をまた使う",
    "limits_saved": "制限を保存しました",
    "told_later": "保存しました。エージェントが応答し次第、反映されます",
    "change": "変更する",
    "unlimit": "機器の設定に戻す",
    "changed_here": "ここで変更済み",
    "loosen_may": "緩和してもよい値",
    "loosen_times": "制限を緩和してもよい時間帯",
    "loosen_hint": "空欄の場合は、同意の範囲で求められたときいつでも緩和されます。",
    "loosen_not_now": "今の時間帯は何も緩和しません。",
    "leaves_next": "次の出発時刻",
    "key_departure_soc_wh": "出発時の充電量(以上)",
    "key_reserve_wh": "残しておく量(以上)",
    "key_least_wh": "蓄熱量(以上)",
    "key_relay_ops_left": "1回の要請でのリレー開閉(最大)",
    "key_relay_ops_a_day": "1日のリレー開閉(最大)",
    "key_least_c": "最低温度",
    "key_most_c": "最高温度",
    "key_comfort_steps_k": "求められたとき超えてもよい幅",
    "wrong_unfit": "{device}:この組み合わせは設定できません。緩和する値は制限より緩く、制限は蓄電池の容量以内にしてください。",
    "wrong_missing": "{device}:数値を入力してください。",
    "wrong_beyond": "{device}:0〜100 % で入力してください。",
    "wrong_no_times": "{device}:回数は整数で入力してください。",
    "wrong_no_number": "{value} は数値ではありません。",
    "wrong_no_store": "蓄電量のわかる機器がありません。",
    "wrong_no_device": "機器 {device} はありません。",
    "wrong_no_time": "{value} は時刻ではありません。",
    "wrong_choice": "設定できません。回数は1〜24の整数、時刻は 21:30 のように入力してください。",
    "wrong_form": "フォームの有効期限が切れているか、別のページから送信されました。ページを再読み込みしてください。",
    "wrong_page": "ページが見つかりません。",
    "subject": "ご家庭への要請",
    "answer_until": "{at}までにご回答ください。",
    "month": "今月これまで:{money}(暫定)",
    "devices": "機器の動作とその理由",
    "own_plan": "通常どおり動いています",
    "gives": "{event} に参加しているため、{until}まで {power} を放電しています",
    "draws": "{event} に参加しているため、{until}まで {power} を使っています",
    "rests": "{event} に参加しているため、{until}まで電力を使いません",
    "trouble": "参加できません:{why}",
    "battery": "充電量 {pct} %({energy})",
    "plugged": "接続中",
    "away": "外出中",
    "leaves": "出発 {at}",
    "limits": "必ず守られること",
    "departure_soc_wh": "{at}に {value} 以上で出発できます",
    "reserve_wh": "{value} を下回りません(ご家庭と停電のため)",
    "least_wh": "蓄熱量は {value} を下回りません",
    "relay_ops_left": "リレーの開閉は1回の要請につき {value} 回まで",
    "relay_ops_a_day": "リレーの開閉は1日 {value} 回まで",
    "least_c": "{value} を下回りません",
    "most_c": "{value} を上回りません",
    "loosened": "求められた場合:{value}",
    "fixed": "緩和しません",
    "limits_where": "変更は今後のすべての回答に反映されます。すでに約定したものはそのまま続きます。止める場合は上のボタンをお使いください。",
    "rule": "要請への回答方法",
    "rule_ask": "毎回確認する",
    "rule_always": "制限の範囲で必ず参加する",
    "most_a_day": "1日に必ず参加する回数(以降は確認します)",
    "rule_never": "参加しない(同意を撤回し、実施中のものもやめる)",
    "save": "保存",
    "quiet": "通知しない時間",
    "quiet_hint": "この時間は通知しません。回答のない要請は上の設定、なければ機器の設定で決まります。",
    "from": "開始",
    "to": "終了",
    "skip": "今日はクルマを使わない",
    "history": "これまでの実績と報酬",
    "provisional": "暫定",
    "final": "計量済み(アグリゲーターの精算後に確定)",
    "estimated": "{slots} コマ中 {count} コマは推定値です(計量できない時間がありました)",
    "nothing_asked": "現在、要請はありません。",
    "nothing_yet": "終了した要請はまだありません。",
    "paused": "{at}まで、すべての要請を断ります。",
    "resume": "参加を再開する",
    "my_data": "自分のデータをファイルで保存",
    "name": "名前",
    "password": "パスワード",
    "login": "ログイン",
    "logout": "ログアウト",
    "wrong_login": "名前またはパスワードが違うか、試行回数が多すぎます。1分お待ちください。",
    "lost": "ご家庭との接続が切れています。表示が古い可能性があります。",
    "agent_gone": "この機器のエージェントが応答しません。今は操作できません。",
    "details": "エージェントの説明",
    "when": "日時",
    "outcome": "結果",
    "delivered": "実績",
    "earned": "報酬",
    "bound": "これ以上出せない理由:{why}",
    "done": "受け付けました:{what}",
    "zone_local": "現地時刻で表示",
    "zone_utc": "UTCで表示",
    "times": "時刻",
    "skip_link": "本文へ",
    "refused": "受け付けられませんでした",
    "ended_early": "途中で終了:{why}",
}
NAMES: Mapping[str, Mapping[str, str]] = {
    "en": {
        "considering": "waits for your answer", "offered": "offered, not decided yet", "opted_out": "takes no part",
        "standby": "agreed, begins soon", "delivering": "running now", "completed": "done", "not_needed": "not needed",
        "no_deal": "no deal", "cancelled": "cancelled", "withdrawn": "you left it", "expired": "lapsed", "closed": "over",
        "departure_soc": "the charge at departure", "reserve_soc": "the reserve", "power_limit": "the power of the device",
        "relay_ops": "the relay", "plug_window": "the time at home", "min_power": "the least power of the device",
        "capacity": "the battery is full", "generation": "no more sun", "comfort": "warmth and hot water",
        "committed": "another event", "overrideStatus": "you said no, or your rule did",
        "notParticipating": "your home's settings say never", "mustRun": "your devices have nothing to give then",
        "outageRunStatus": "the grid is gone, or no device can be counted on", "economic": "it does not pay",
        "emergency": "an emergency", "participating": "takes part", "unplugged": "the car was unplugged",
        "outage": "the grid was gone", "device": "a device did not do its part", "held_by_another_event": "another event needs it",
        "less_there_than_offered": "less was there than when it was offered",
    },
    "ja": {
        "considering": "ご回答をお待ちしています", "offered": "参加を表明しました(未確定)", "opted_out": "参加しません",
        "standby": "約定しました(開始待ち)", "delivering": "実施中", "completed": "完了", "not_needed": "不要でした",
        "no_deal": "不成立", "cancelled": "中止", "withdrawn": "取りやめました", "expired": "期限切れ", "closed": "終了",
        "departure_soc": "出発時の充電量", "reserve_soc": "残しておく充電量", "power_limit": "機器の出力",
        "relay_ops": "リレーの開閉回数", "plug_window": "在宅時間", "min_power": "機器の最小出力",
        "capacity": "満充電", "generation": "日射不足", "comfort": "室温・給湯", "committed": "ほかの要請",
        "overrideStatus": "ご回答または設定による不参加", "notParticipating": "機器の設定により不参加",
        "mustRun": "その時間に出せる電力がありません", "outageRunStatus": "停電中、または使える機器がありません",
        "economic": "採算が合いません", "emergency": "緊急時", "participating": "参加", "unplugged": "クルマの接続が外れました",
        "outage": "停電", "device": "機器が動作しませんでした", "held_by_another_event": "ほかの要請で使用中",
        "less_there_than_offered": "表明した時より少なくなりました",
    },
}  # fmt: skip


class Tongue:
    """One language; `text(key, ...)` is a phrase."""

    def __init__(self, language: str) -> None:
        self.language = language if language in LANGUAGES else "en"
        self._phrases = JA if self.language == "ja" else EN

    def text(self, key: str, **figures: object) -> str:
        return self._phrases[key].format(**figures)

    @property
    def countdown(self) -> CountdownWords:
        return COUNTDOWNS[self.language]

    def name(self, value: object) -> str:
        """A stage, an outcome or a restriction in words; one that came later as it is."""
        return NAMES[self.language].get(str(value), str(value).replace("_", " "))

    def day(self, at: datetime, clock: Clockface, now: datetime) -> str:
        """`18:30`, on another day with its date."""
        if clock.day(at) == clock.day(now):
            return clock.time(at)
        date = clock.day(at)
        return (
            f"{date.month}月{date.day}日 {clock.time(at)}"
            if self.language == "ja"
            else f"{date:%a %d %b} {clock.time(at)}"
        )

    def asks(
        self, event: HomeEvent, clock: Clockface, now: datetime, has_car: bool, payment: Payment | None = None
    ) -> str:
        """One plain sentence of what is asked, what it earns and what it does to the car."""
        key = "decrease" if event.request.direction is Direction.DECREASE_LOAD else "increase"
        begin, end = self.day(event.start, clock, now), clock.time(event.end)
        key = f"agreed_{key}" if event.deal_w else key
        parts = [self.text(key, begin=begin, end=end, power=_together(kilowatts(max(event.plan_w))))]
        parts.append(self.earns(event, payment))
        if has_car:
            parts.append(self.text("car_loosened" if event.loosened else "car"))
        return ("" if self.language == "ja" else " ").join(parts)

    def earns(self, event: HomeEvent, payment: Payment | None) -> str:
        """What it earns, by the contract."""
        if payment is not None and payment.per == "month":
            return self.text("earns_month", money=_together(in_money(payment.amount_milli, payment.currency)))
        money = promised(event, payment)
        if money is None:
            return self.text("contract")
        by_event = payment is not None and payment.per == "event"
        return self.text("earns_event" if by_event else "earns", money=_together(money))

    def leaving(self, event: HomeEvent, payment: Payment | None, now: datetime) -> str:
        """What it costs to leave a deal now."""
        rest, costs = given_up(event, payment, now), leaving_costs(payment)
        if costs is None:
            contract = self.text("leaving_unknown")
        else:
            contract = self.text("leaving_costs", money=_together(costs)) if costs else self.text("leaving_free")
        money = self.text("up_to", money=_together(rest)) if rest else ""
        return self.text("override_costs", money=money, contract=contract)

    def keeping(self, kept: Mapping[str, int]) -> str:
        """What is kept for an outage."""
        return self.text("keeping", what=self.listed(f"{name} {kilowatt_hours(wh)}" for name, wh in kept.items()))

    def bound(self, event: HomeEvent) -> str:
        """What keeps the devices from giving more."""
        return self.text("bound", why=self.listed(map(self.name, event.binding)))

    def listed(self, parts: Iterable[str]) -> str:
        return ("、" if self.language == "ja" else ", ").join(parts)

    def outcome(self, event: HomeEvent) -> str:
        """What came of an event, or where it stands."""
        if event.outcome == "withdrawn" and event.left_because not in ("", WithdrawalCause.RESIDENT):
            return self.text("ended_early", why=self.name(event.left_because))
        return self.name(event.outcome or event.stage)

    def estimated(self, event: HomeEvent) -> str:
        """How many of the values that tell what was delivered are replacement values; empty: none."""
        if not event.estimated:
            return ""
        return self.text("estimated", count=len(event.estimated), slots=len(event.delivered))

    def does(self, device: HomeDevice, clock: Clockface) -> str:
        """What a device does, and why."""
        if device.trouble:
            return self.text("trouble", why=device.trouble)
        if device.power_w is None or device.until is None:
            return self.text("own_plan")
        key = "gives" if device.power_w < 0 else "draws" if device.power_w else "rests"
        power = kilowatts(abs(device.power_w))
        return self.text(key, power=power, until=clock.time(device.until), event=device.because or "-")

    def state(self, device: HomeDevice, clock: Clockface, now: datetime) -> str:
        """How it stands."""
        parts = []
        if device.soc_pct is not None and device.soc_wh is not None:
            parts.append(self.text("battery", pct=device.soc_pct, energy=kilowatt_hours(device.soc_wh)))
        if device.plugged is not None:
            parts.append(self.text("plugged" if device.plugged else "away"))
        if device.departs_at is not None and device.departs_at > now:
            parts.append(self.text("leaves", at=self.day(device.departs_at, clock, now)))
        return " · ".join(parts)

    def limit(self, one: HomeLimit, clock: Clockface, now: datetime) -> str:
        """A limit in a household's words."""
        at = self.day(one.at, clock, now) if one.at is not None else ""
        return self.text(one.name, value=self._value(one, one.value), at=at)

    def loosened(self, one: HomeLimit) -> str:
        if one.loosened is None:
            return self.text("fixed")
        return self.text("loosened", value=self._value(one, one.loosened))

    def _value(self, one: HomeLimit, value: Any) -> str:
        if one.name.endswith("_wh"):
            energy = kilowatt_hours(value)
            return f"{round(value * 100 / one.of)} % ({_together(energy)})" if one.of else _together(energy)
        return _together(f"{value:g} °C") if one.name.endswith("_c") else str(value)


def _together(figure: str) -> str:
    """A figure and its unit on one line."""
    return figure.replace(" ", "\N{NO-BREAK SPACE}")
