"""The sentences of the reason codes: control, whom to appeal to, zh-CN, en."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple


class ReasonText(NamedTuple):
    """One code's wording; `control` is None where only the event contract speaks."""

    control: str | None
    appeal_to: Literal["member", "operator", "sender"]
    zh: str
    en: str


_R = ReasonText

TEXTS: Final[Mapping[str, ReasonText]] = {
    "ISSUE_TO_UNSPECIFIED": _R(
        "C01", "member", "积分只发给已登记的会员。", "Points are issued to registered members only."
    ),
    "NO_QUALIFYING_TRANSACTION": _R(
        "C02",
        "member",
        "没有真实、已结算且未作废的交易可以发放积分。",
        "There is no real, settled and unvoided transaction to award.",
    ),
    "DUPLICATE_EARN": _R("C02", "member", "这笔消费已经发过积分。", "This purchase has already earned its points."),
    "EARN_ON_POINTS_SPEND": _R(
        "C03", "member", "用积分支付的部分不再产生积分。", "The part paid with points earns no points."
    ),
    "BUDGET_EXHAUSTED": _R(
        "C04",
        "member",
        "本次奖励超出剩余营销预算，未发放。",
        "The award exceeds what is left of the marketing budget and was not issued.",
    ),
    "REWARD_RATE_EXCEEDED": _R(
        "C05",
        "operator",
        "积分回报率超过合规岗设定的上限。",
        "The reward rate is above the cap set by the compliance role.",
    ),
    "LICENCE_MISSING": _R(
        "C06",
        "operator",
        "没有登记所需的电信业务许可证，不能发放积分。",
        "The required telecom licence is not on file, so no points are issued.",
    ),
    "LICENCE_EXPIRED": _R(
        "C06",
        "operator",
        "电信业务许可证在事件发生时已过期，不能发放积分。",
        "The telecom licence had expired at the event's time, so no points are issued.",
    ),
    "LICENCE_SCOPE": _R(
        "C06",
        "operator",
        "电信业务许可证的范围不包括此业务。",
        "The telecom licence does not cover this business.",
    ),
    "POINTS_SALE_PROHIBITED": _R("C07", "member", "积分不得出售或充值。", "Points are never sold or topped up."),
    "CROSS_ISSUER_EXCHANGE_PROHIBITED": _R(
        "C08",
        "member",
        "不同发行方的积分不能互换。",
        "Points of different issuers cannot be exchanged.",
    ),
    "PARTNER_NOT_CONTRACTED": _R(
        "C08",
        "member",
        "该合作方目前没有有效合同。",
        "There is no contract in force with this partner.",
    ),
    "EVIDENCE_MISSING": _R("C09", "member", "该行为缺少所需的证明。", "The evidence this action needs is missing."),
    "CAP_REACHED": _R("C09", "member", "已达到该奖励的上限。", "The cap of this award has been reached."),
    "AWARD_NOT_CAPPED": _R(
        "C09",
        "operator",
        "非消费奖励未设上限。",
        "A rule that rewards something other than a purchase has no cap.",
    ),
    "SECOND_PERSON_REQUIRED": _R(
        "C09", "operator", "更正须由另一人批准。", "A correction is approved by another person than who asked for it."
    ),
    "REFERRAL_DEPTH_EXCEEDED": _R("C10", "member", "推荐奖励只发一级。", "A referral is rewarded one level deep only."),
    "SELF_REFERRAL": _R("C10", "member", "不能推荐自己。", "A member cannot refer themselves."),
    "WEIGHT_IMPLAUSIBLE": _R(
        "C11",
        "member",
        "称重结果超出该回收点的合理范围。",
        "The weight is beyond what this station can plausibly take.",
    ),
    "SCALE_CALIBRATION_EXPIRED": _R(
        "C11",
        "operator",
        "电子秤的检定已过期。",
        "The calibration of the scale has expired.",
    ),
    "FACTOR_MISSING": _R(
        "C11",
        "operator",
        "该材料没有经核实的减排系数，不能计分。",
        "There is no verified factor for this material, so it earns nothing.",
    ),
    "GREEN_CERT_INVALID": _R(
        "C12",
        "member",
        "绿色认证无效，只发基础积分，不加倍。",
        "The green certificate is not valid: base points are kept, the multiplier is refused.",
    ),
    "CASH_OUT_PROHIBITED": _R("C13", "member", "积分不能兑换现金。", "Points cannot be cashed out."),
    "QUASI_CASH_REWARD": _R(
        "C13", "operator", "奖品不得为现金等价物。", "A reward must not be a near-cash equivalent."
    ),
    "TRANSFER_PROHIBITED": _R("C14", "member", "积分不能转让给他人。", "Points cannot be transferred to anyone."),
    "POOLED_REDEMPTION_PROHIBITED": _R(
        "C14",
        "member",
        "不能合并多个会员的积分兑换。",
        "The points of several members cannot be pooled.",
    ),
    "FINANCIAL_ATTRIBUTE_PROHIBITED": _R(
        "C15",
        "operator",
        "积分不得带有利息等金融属性。",
        "Points must carry no financial attribute such as interest.",
    ),
    "INSUFFICIENT_POINTS": _R("C16", "member", "可用积分不足。", "There are not enough spendable points."),
    "QUOTE_EXPIRED": _R("C16", "member", "报价已过期，请重新询价。", "The quote has expired; ask for a new one."),
    "OUT_OF_STOCK": _R("C16", "member", "该奖品已无库存。", "The reward is out of stock."),
    "LIMIT_REACHED": _R(
        "C16",
        "member",
        "已达到该奖品的兑换限额。",
        "The limit on claims of this reward has been reached.",
    ),
    "NOT_ELIGIBLE": _R(
        "C16",
        "member",
        "不符合该奖品公布的兑换条件。",
        "The reward's published conditions are not met.",
    ),
    "PAYMENT_LIMIT_REACHED": _R(
        "C16",
        "member",
        "按公布的规则，这笔账单不能用这么多积分支付。",
        "By the published terms this bill cannot be paid with so many points.",
    ),
    "VOUCHER_USED": _R("C16", "member", "该券已使用。", "This voucher was used already."),
    "VOUCHER_EXPIRED": _R("C16", "member", "该券已过期。", "This voucher's date has passed."),
    "VOUCHER_ENDED": _R(
        "C16",
        "member",
        "该券已失效：对应的兑换、订单或账户已撤销。",
        "This voucher is void: what it was given or bought for was undone.",
    ),
    "VOUCHER_NOT_APPLICABLE": _R(
        "C16",
        "member",
        "该券不适用于此商户或此账单。",
        "This voucher is not for this merchant or this bill.",
    ),
    "RETURN_WINDOW_CLOSED": _R("C17", "member", "已超过退货期限。", "The time for returning this reward is over."),
    "RETURN_EXCLUSION_CONFIRMED": _R(
        "C17",
        "member",
        "下单前已确认该奖品不适用无理由退货。",
        "It was confirmed before ordering that this reward cannot be returned without cause.",
    ),
    "REWARD_EVIDENCE_MISSING": _R(
        "C18",
        "operator",
        "奖品缺少供应商、执行标准或真实描述。",
        "The reward lacks its supplier, its standard or an honest description.",
    ),
    "REWARD_RECALLED": _R("C18", "member", "该奖品已被召回。", "The reward has been recalled."),
    "CLAWBACK_DEFICIT": _R(
        "C19",
        "member",
        "退款应扣回的积分不足，差额已记录并将由以后的积分抵扣。",
        "Points to be taken back were already spent; the deficit is recorded and set off against later ones.",
    ),
    "EXPIRY_NOTICE_NOT_SENT": _R(
        "C20",
        "member",
        "到期提醒尚未送达，积分继续可用。",
        "The expiry notice has not been given yet, so the points stay spendable.",
    ),
    "EXPIRY_SHORTENED": _R(
        "C20",
        "operator",
        "已发放积分的有效期不得缩短。",
        "The life of points already issued cannot be shortened.",
    ),
    "RULE_CHANGE_NOTICE_TOO_SHORT": _R(
        "C21",
        "operator",
        "对会员不利的规则变更须至少提前七日公布。",
        "A change to members' disadvantage needs at least seven days' notice.",
    ),
    "UNSPENT_POINTS_ACK_REQUIRED": _R(
        "C22",
        "member",
        "账户仍有积分，注销前须确认放弃。",
        "The account still holds points; closing it needs an acknowledgement that they are given up.",
    ),
    "ACCOUNT_CLOSED": _R("C22", "member", "该账户已注销。", "The account has been closed."),
    "NO_CONSENT": _R("C23", "member", "会员未同意接收此类消息。", "The member has not consented to this message."),
    "MARKETING_OPTED_OUT": _R(
        "C23", "member", "会员已退订营销消息。", "The member has opted out of marketing messages."
    ),
    "GUARDIAN_CONSENT_REQUIRED": _R("C23", "member", "未成年人须由监护人同意。", "A minor needs a guardian's consent."),
    "CONTACT_MISSING": _R(
        None, "member", "会员没有可用的联系方式。", "The member has left no address that this channel can use."
    ),
    "CONTACT_ERASED": _R(
        None, "member", "会员的联系方式已按要求删除。", "The member's contact data was erased on request."
    ),
    "CHANNEL_OFF": _R(None, "operator", "此消息渠道未启用。", "The operator has not switched this channel on."),
    "PERSONALISED_PRICE_UNJUSTIFIED": _R(
        "C24",
        "operator",
        "同等级会员在同一时刻须适用同一价格。",
        "Members of one tier must see one price at one time.",
    ),
    "TRACE_INCOMPLETE": _R(
        "C25",
        "operator",
        "该兑换无法追溯到全部来源交易。",
        "This redemption does not reach all the purchases its points came from.",
    ),
    "HELD_FOR_REVIEW": _R(
        "C26",
        "member",
        "积分已暂时冻结，等待人工复核。",
        "The points are held until a person has reviewed the case.",
    ),
    "HOLD_ALREADY_DECIDED": _R(
        "C26",
        "sender",
        "该冻结已有人工决定，以第一次决定为准。",
        "A person has decided this hold before; the first decision stands.",
    ),
    "MEMBER_VELOCITY": _R(
        "C26", "member", "短时间内的交易次数异常。", "There were unusually many purchases in a short time."
    ),
    "DEVICE_SHARED": _R("C26", "member", "多名会员使用了同一台设备。", "Many members were seen on one device."),
    "REFUND_AFTER_EARNING": _R(
        "C26", "member", "多次在获得积分后不久退款。", "Several purchases were refunded soon after they earned points."
    ),
    "REFERRAL_RING": _R(
        "C26",
        "member",
        "同一推荐人的多名受邀会员使用了同一台设备。",
        "Several members invited by one member were seen on one device.",
    ),
    "LISTED_PARTY": _R("C27", "member", "该会员属于受限名单。", "The member is on a list of restricted parties."),
    "SETTLEMENT_UNMATCHED": _R(
        "C28",
        "operator",
        "结算数量与已履行订单不符。",
        "The settlement claims units that no fulfilled order accounts for.",
    ),
    "LEDGER_TAMPERED": _R(
        "C29",
        "operator",
        "账本记录与其哈希不符。",
        "A ledger row does not agree with its hash.",
    ),
    "RETENTION_ACTIVE": _R(
        "C29",
        "operator",
        "记录仍在法定保存期内，不能删除。",
        "The record is still within its retention period and cannot be deleted.",
    ),
    "PRIZE_LIMIT_EXCEEDED": _R(
        "C30",
        "operator",
        "抽奖最高奖金额超过上限。",
        "The top prize of the draw is above the legal limit.",
    ),
    "PRIZE_TERMS_MISSING": _R(
        "C30",
        "operator",
        "抽奖缺少须公示的条款。",
        "The terms that a draw has to publish are missing.",
    ),
    "FILING_MISSING": _R(
        "C31",
        "operator",
        "缺少备案、评估或信用证明材料。",
        "A filing, an assessment or a credit certificate is not on file.",
    ),
    "DONATION_AGREEMENT_MISSING": _R(
        "C32",
        "operator",
        "捐赠类奖品缺少已签署的协议。",
        "A donation reward has no signed agreement.",
    ),
    "EVENT_TOO_OLD": _R(
        None,
        "member",
        "事件到达时已超过本计划允许的时限。",
        "The event arrived later than the program allows.",
    ),
    "EVENT_IN_FUTURE": _R(
        None,
        "sender",
        "事件时间比到达时间晚十分钟以上。",
        "The event's time is more than ten minutes after its arrival.",
    ),
    "AMOUNTS_DO_NOT_SUM": _R(
        None,
        "sender",
        "明细、总额与支付金额不一致。",
        "Lines, total and tenders are not the same amount.",
    ),
    "DUPLICATE_ID_DIFFERENT_CONTENT": _R(
        None,
        "sender",
        "同一来源与编号的事件内容不同，以先到者为准。",
        "An event of the same source and id had other content; the first one stands.",
    ),
    "UNKNOWN_PROGRAM": _R(None, "sender", "没有发布过该积分计划。", "No such program has been published."),
    "PROGRAM_NOT_IN_FORCE": _R(
        None,
        "sender",
        "事件发生时该积分计划尚无生效版本。",
        "No version of the program was in force at the event's time.",
    ),
    "UNKNOWN_TYPE": _R(None, "sender", "该主题不接受此事件类型。", "The event's type is not one this topic carries."),
    "MALFORMED": _R(None, "sender", "事件不符合约定的格式。", "The event does not follow the contract's format."),
    "NOT_AUTHORITATIVE": _R(
        None,
        "sender",
        "发送方无权发布此类事件。",
        "The sender is not the authority for this type of event.",
    ),
    "REFUND_WITHOUT_PURCHASE": _R(
        None,
        "member",
        "尚未找到该退款对应的消费，到达后再处理。",
        "No purchase matches this refund yet; it is settled when the purchase arrives.",
    ),
    "REFUND_MEMBER_MISMATCH": _R(
        None,
        "member",
        "退款的会员与原小票的会员不符。",
        "The refund names another member than its receipt does.",
    ),
    "OVER_REFUND": _R(
        None,
        "sender",
        "退款超过原购买的数量或金额。",
        "The refund is for more than was bought.",
    ),
    "CALENDAR_YEAR_UNPUBLISHED": _R(
        None,
        "operator",
        "该年度的节假日安排尚未公布。",
        "The holiday calendar of that year has not been published.",
    ),
    "HANDLING_FAILED": _R(
        None,
        "operator",
        "事件本身可能无误，但服务处理时出错；事件已保存，修复后可重放。",
        "The event itself may be right, but handling it failed; it is kept and can be replayed once that is mended.",
    ),
    "IDEMPOTENCY_KEY_REUSED": _R(
        None,
        "sender",
        "同一幂等键已用于内容不同的请求。",
        "The idempotency key was already used for a request with another body.",
    ),
    "WRONG_STATE": _R(
        None,
        "member",
        "当前状态不允许此操作。",
        "What the request is about is in another state than this needs.",
    ),
    "PART_NOT_BUILT": _R(
        None,
        "operator",
        "方案中有尚未实现的部分，不能发布。",
        "The pack uses a part that no service acts on yet, so it is not published.",
    ),
    "RULE_NEVER_APPLIES": _R(
        None,
        "operator",
        "方案中有永远不会生效的内容。",
        "The pack has a part that can never apply.",
    ),
    "RULES_CONTRADICT": _R(
        None,
        "operator",
        "方案中的内容互相矛盾。",
        "Parts of the pack contradict each other.",
    ),
    "POINTS_NOT_REDEEMABLE": _R(
        None,
        "operator",
        "会员的积分没有可以兑换的内容。",
        "There is nothing that members could spend their points on.",
    ),
    "PAPER_EXPIRED": _R(
        None,
        "operator",
        "方案所依据的证照或合同已过期。",
        "A paper that the pack stands on has run out.",
    ),
    "EXPLANATION_DIFFERS": _R(
        None,
        "operator",
        "账面记录与按存档事实和规则版本重新计算的结果不一致。",
        "The books differ from what the stored facts and the rule version give.",
    ),
    "BUDGET_TOO_SMALL": _R(
        None,
        "operator",
        "按近期流量，该预算会在期满前用完。",
        "With recent traffic the budget would run out before its period ends.",
    ),
}
