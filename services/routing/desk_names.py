"""More of the desk's words: what rules, queues and channels are called, keys, usual reasons; (Chinese, English)."""

Pair = tuple[str, str]

CLOCKS: dict[str, Pair] = {
    "acknowledgement": ("告知收到", "acknowledgement"),
    "first_response": ("首次答复", "first response"),
    "next_update": ("下次通报", "next update"),
    "decision": ("决定", "decision"),
    "final_response": ("最终答复", "final response"),
    "enquiry": ("部门询问", "enquiry"),
    "handoff": ("交接", "hand-off"),
    "callback": ("回电", "call-back"),
    "remedy": ("补救", "remedy"),
    "approval": ("审批", "approval"),
    "reopened": ("重新处理", "reopened"),
    "summary_resolution": ("快速办结期", "days for a summary resolution"),
    "outside_window": ("客户向外部申诉的期限", "the customer's time to go outside"),
}
LETTERS: dict[str, Pair] = {
    "acknowledgement": ("收到通知", "acknowledgement"),
    "progress": ("进展通报", "progress"),
    "information_request": ("请客户补充", "request for information"),
    "reply": ("回信", "reply"),
    "delay_apology": ("延迟致歉", "apology for the delay"),
    "holding": ("暂复", "holding letter"),
    "resolution": ("处理结果", "resolution"),
    "reopening": ("重新处理通知", "reopening"),
    "withdrawal_confirmation": ("撤回确认", "confirmation of the withdrawal"),
    "call_summary": ("通话纪要", "summary of a call"),
    "thanks": ("感谢信", "thanks"),
    "hand_over": ("换人经办", "hand-over"),
    "callback_appointment": ("约定回电", "call-back appointment"),
    "summary_resolution": ("快速办结", "summary resolution"),
    "out_of_scope": ("由别处决定", "out of scope"),
    "forwarded": ("转交", "forwarded"),
    "final": ("最终答复", "final answer"),
    "referral": ("交外部机构", "referral"),
    "remedy_done": ("补救办好", "remedy carried out"),
    "remedy_delayed": ("补救延误", "remedy delayed"),
    "correction": ("更正", "correction"),
    "reminder": ("提醒", "reminder"),
    "closing_no_answer": ("没有回音而办结", "closing after no answer"),
    "authority_request": ("请出具委托", "request for authority"),
    "verification_request": ("请确认本人", "verification request"),
    "regret_and_action": ("歉意和行动", "regret and action"),
    "bulk_notice": ("批量通知", "bulk notice"),
    "survey_invitation": ("问卷邀请", "survey invitation"),
}
SEVERITIES: dict[str, Pair] = {
    "P1": ("紧急", "P1 critical"),
    "P2": ("严重", "P2 serious"),
    "P3": ("一般", "P3 normal"),
    "P4": ("轻微", "P4 minor"),
}
TRIGGERS: dict[str, Pair] = {
    "T0.self_harm": ("可能自伤", "Possible self-harm"),
    "T0.injury": ("有人受伤", "Somebody is hurt"),
    "T0.fire": ("起火或触电", "Fire or shock"),
    "T0.threat": ("人身威胁", "A threat"),
    "T1.claim_filed": ("已起诉或仲裁", "A claim is filed"),
    "T1.regulator_case": ("监管已立案", "A regulator's case"),
    "T1.press": ("媒体介入", "Press"),
    "T2.legal": ("提到法律途径", "Speaks of lawyers"),
    "T2.regulator": ("提到监管部门", "Speaks of a regulator"),
    "T2.hardship": ("经济困难", "Financial hardship"),
    "T2.minor": ("涉及未成年人", "A minor is concerned"),
    "T2.bereavement": ("亲人离世", "Bereavement"),
}
NEEDS: dict[str, Pair] = {
    "needs_deescalation": ("先安抚情绪", "Calm first"),
    "needs_interpreter": ("需要翻译", "Interpreter"),
    "needs_accessible_contact": ("需要无障碍联系方式", "Accessible contact"),
}
QUEUES: dict[str, Pair] = {
    "general": ("综合", "General"),
    "product": ("商品", "Product"),
    "after_sales": ("售后", "After sales"),
    "network": ("网络", "Network"),
    "billing": ("账单", "Billing"),
    "complaints_senior": ("高级投诉", "Senior complaints"),
}
SKILLS: dict[str, Pair] = {
    "product": ("商品", "Product"),
    "after_sales": ("售后", "After sales"),
    "network": ("网络", "Network"),
    "service_desk": ("服务台", "Service desk"),
    "billing": ("账单", "Billing"),
    "policy": ("政策", "Policy"),
    "team_lead": ("主管", "Team lead"),
}
CHANNELS: dict[str, Pair] = {
    "web": ("网页", "Web"),
    "email": ("邮件", "E-mail"),
    "hotline": ("热线", "Hotline"),
    "phone": ("电话", "Phone"),
    "counter": ("柜台", "Counter"),
    "chat": ("在线聊天", "Chat"),
    "app": ("应用", "App"),
    "letter": ("信件", "Letter"),
}
WANTED: dict[str, Pair] = {
    "refund": ("退款", "Refund"),
    "exchange": ("换货", "Exchange"),
    "repair": ("维修", "Repair"),
    "apology": ("道歉", "Apology"),
    "explanation": ("解释", "Explanation"),
    "compensation": ("赔偿", "Compensation"),
    "correction": ("更正", "Correction"),
    "other": ("其他", "Other"),
}
REMEDIES: dict[str, Pair] = {
    "refund": ("退款", "Refund"),
    "exchange": ("换货", "Exchange"),
    "repair": ("维修", "Repair"),
    "credit": ("账户补贴", "Credit"),
    "compensation": ("补偿", "Compensation"),
    "correction": ("更正记录", "Correction"),
    "improvement": ("改进", "Improvement"),
    "apology": ("致歉", "Apology"),
}
LETTER_STATES: dict[str, Pair] = {
    "owed": ("待写", "to be written"),
    "ready": ("待寄", "ready to go"),
    "sending": ("正在寄出", "being sent"),
    "sent": ("已寄出", "sent"),
    "retry": ("稍后重试", "tried again soon"),
    "blocked": ("被拦下", "held back"),
    "failed": ("未送达", "failed"),
    "unknown": ("是否送达不明", "unknown whether it arrived"),
    "no_address": ("没有地址", "no address"),
    "cancelled": ("已取消", "cancelled"),
    "rejected": ("未获批准", "rejected"),
}
PROMISES: dict[str, Pair] = {
    "date": ("答复日期", "An answer by a date"),
    "remedy": ("补救", "A remedy"),
    "callback": ("回电", "A call back"),
    "update": ("进展通报", "An update"),
}
PARTS: dict[str, Pair] = {
    "cushion": ("缓冲", "Cushion"),
    "apology": ("致歉", "Apology"),
    "facts": ("事实", "Neutral facts"),
    "decisions": ("结论", "Decision"),
    "remedy": ("补救", "Remedy"),
    "call_to_action": ("请您", "Call to action"),
    "rights": ("权利", "Rights"),
    "body": ("正文", "Body"),
    "closing": ("结语", "Closing"),
}
AXES: dict[str, Pair] = {
    "relevance": ("切题", "Relevance"),
    "completeness": ("完整", "Completeness"),
    "explainability": ("讲清理由", "Explains why"),
    "timeliness": ("时限", "Dates"),
    "tone": ("语气", "Tone"),
}
DECLINE_REASONS: tuple[Pair, ...] = (
    ("手上有更急的案件", "A more urgent case is on my desk"),
    ("不熟悉这类事项", "I do not know this matter well enough"),
    ("与客户相识", "I know the customer"),
    ("即将下班", "My shift ends soon"),
)
KEYS: tuple[tuple[tuple[str, ...], Pair, bool], ...] = (
    (("j", "k"), ("下一行、上一行", "Next row, row before"), False),
    (("Enter",), ("打开这一行", "Open the row"), False),
    (("/",), ("查找", "Find"), False),
    (("g", "h"), ("回到工作台", "To my desk"), False),
    (("a",), ("接下第一件待接案件", "Accept the first offer"), False),
    (("x",), ("不接第一件待接案件", "Decline the first offer"), False),
    (("c",), ("记录联系", "Record a contact"), False),
    (("r",), ("写信给客户", "Write to the customer"), False),
    (("q",), ("请客户补充", "Ask the customer"), False),
    (("n",), ("内部备注", "Internal note"), False),
    (("l",), ("请主管协助", "Call my lead"), False),
    (("d",), ("作出决定", "Decide"), False),
    (("Ctrl", "Enter"), ("发送正在填写的表单", "Send the form I am in"), False),
    (("Esc",), ("离开输入框", "Leave the field"), False),
    (("?",), ("这张表", "This list"), False),
    (("g", "t"), ("团队", "Team"), True),
    (("e",), ("把这一行派给某人", "Give the row to somebody"), True),
)
