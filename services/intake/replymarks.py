"""The marks that mail clients leave in replies, as patterns: whose words follow, heads of mails, signatures. Pure."""

import re

WROTE = (
    "wrote|writes|schrieb|écrit|écrivait|escribió|ha scritto|scritto|schreef|skrev|escreveu|napisał|napisała|написал|"
    "написала|пишет|пише|a scris|napsal|napsala|napísal|napísala|írta|kirjoitti|kirjutas|rašė|yazdı|έγραψε|menulis"
    "|đã viết|va escriure|ha escrit|님이 작성|さんは書きました|さんが書きました"
)
# One line that says: from here on somebody else's words.
BEGINS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"^\s*-{2,}\s*((original|forwarded|replied) (message|mail|appointment)\s*-{0,}|original\s*-{2,})\s*$",
        r"^\s*-{2,}\s*((回复|转发|轉寄|回覆)的?)?(原始?)?(邮件|郵件|訊息)(原件|原文)?\s*(-{2,}.{0,20})?$",
        rf"^\s*[>*]?\s*(on|at|am|le|el|il|op|den|em)\b.{{4,200}}\b({WROTE})\b(\s*:?|.{{0,80}}:)\s*\*?$",
        r"^\s*\d{4}-\d\d-\d\d \d\d:\d\d (gmt|utc)?[+-]\d\d:?\d\d .{2,120}$",
        r"^\s*-{2,}\s*on\b.{4,200}\bwrote\s*-{2,}\s*$",
        r"^\s*在\s*.{4,200}(写道|编写|寫道)\s*[:：]?\s*$",
        r"^.{2,120}[于於].{0,60}(\d{4}年|\d{4}/|\d:\d\d|@).{0,80}[写寫]道\s*[:：]\s*$",
        r"^.{4,200}\b(написал|написала|пишет)(\(а\))?\s*:\s*$",
        r"^.{0,120}<[^<>@\s]{1,100}@[^<>\s]{1,200}>.{0,30}(wrote|写道|寫道)\s*[:：]\s*$",
        r"^[^<>]{6,120}\d{4}[^<>]{0,100}<[^<>@\s]{1,100}@[^<>\s]{1,200}>\s*:\s*$",
        # Yahoo's app goes on with the quoted words.
        r"^\s*on\b.{8,120}\d.{2,120}<[^<>@\s]{1,100}@[^<>\s]{1,200}> wrote:\s",
        r"^\s*_{20,}\s*$",
    )
]
HEADER = re.compile(
    r"^\s*\*?(from|sent|date|to|cc|subject|reply-to|von|gesendet|an|betreff|datum|de|envoyé|à|objet|da|inviato|data|a"
    r"|oggetto|risposta|enviado( el)?|enviada em|para|asunto|assunto|van|verzonden|aan|onderwerp|från|skickat|till|ämne"
    r"|fra|sendt|til|emne|od|wysłano|do|temat|от|отправлено|дата|кому|тема|від|надіслано|kimden|gönderen|gönderildi"
    r"|tarih|kime|konu|odesláno|komu|předmět|predmet|feladó|elküldve|címzett|tárgy|lähettäjä|lähetetty|vastaanottaja|aihe"
    r"|de la|trimis|către|subiect|差出人|送信日時|宛先|件名|보낸 사람|보낸 날짜|받는 사람|제목|από|στάλθηκε|προς|θέμα"
    r"|từ|đã gửi|tới|chủ đề)\s*[:：]\*?(\s.{0,300})?$"
    r"|^[\s|>*]*(发\s*件\s*人|寄\s*件\s*[者人]|收\s*件\s*[人者]|抄\s*送至?|副\s*本|主\s*[题旨題]|日\s*期|发\s*[送件]\s*(时\s*间|日\s*期)"
    r"|寄\s*件\s*日\s*期|重要性|(?<=\|\s)(from|date|to|cc|subject)(?=\s\|))\s*\*?[:：|].{0,300}$",
    re.IGNORECASE,
)
HAN = re.compile(r"[\u4e00-\u9fff]")
OF_A_MAIL = re.compile(
    r"^[\s|>*]*((主\s*[题旨題]|subject)\s*\*?[:：|]|(发\s*送|寄\s*件)\s*(时\s*间|日\s*期)\s*\*?[:：|].*\d:\d\d)",
    re.IGNORECASE,
)
OPENS = re.compile(r"^\s*>?\s*(on\s.{4,200}|\d{1,2}[./]\d{1,2}[./]\d{4}.{4,200})$", re.IGNORECASE)
CLOSES = re.compile(rf"(\b({WROTE})(\(a\))?|[写寫]道)\s*[:：]\s*$", re.IGNORECASE)
# What names a time or a writer: above quoted lines, a line or two with it and a colon at the end tell whose they are.
DATED = re.compile(r"\b(19|20)\d\d\b|\d{1,2}[:.h]\d\d\b|[^\s<>@]+@[^\s<>]+", re.IGNORECASE)
SUBJECT = re.compile(
    r"^\s*\*?(subject|betreff|objet|oggetto|asunto|assunto|onderwerp|ämne|emne|temat|тема|konu|předmět|predmet|tárgy|aihe"
    r"|subiect|件名|제목|θέμα|chủ đề)\s*[:：]",
    re.IGNORECASE,
)
# A line of dashes, or words between dashes ("--- Message d'origine ---"): a mail's head may follow.
# In any language: an address and an hour in a line that ends with a colon.
ADDRESSED = re.compile(r"^(?=.{0,300}\d{1,2}[:.]\d\d).{0,300}<[^<>@\s]{1,100}@[^<>\s]{1,200}>")
RULE = re.compile(r"^\s*(-{10,}|[-=]{2,}\s?[^-=]{3,40}\s?[-=]{2,})\s*$")
# What a phone or a program writes below every mail. The small words' first letter is a capital, or it is a sentence.
_MADE_WITH = (
    r"iphone|ipad|ipod|android|blackberry|galaxy|samsung|huawei|xiaomi|pixel|htc|nokia|motorola|oneplus|windows|outlook"
    r"|yahoo|aol|gmail|spark|zoho|proton|fairemail|k-9|airmail|mailbird|em client|superhuman|mobile|phone|smartphone"
    r"|tablet|handheld|wireless|cell|mail for|the all-new"
)
_MOBILE = rf"[<(]*(?-i:Sent|SENT) (from|via|with|by|using) .{{0,30}}\b({_MADE_WITH})\b.{{0,60}}"
SIGNATURE = re.compile(
    rf"^\s*(--\s?|—{{1,3}}\s?|_{{3,19}}\s?|-{{4,}}|{_MOBILE}"
    r"|[<(]*(?-i:Sent) (from|via|with|by) (an? |my |the |mail|windows).{0,60}[^.]"
    r"|sent from my (iphone|ipad|cell|htc|samsung|android|mobile|phone|windows).{0,40}"
    r"|get \[?outlook for .{0,60}|(sendt fra|skickat från|envoyé (de|depuis|à partir)|inviat[oa] da"
    r"|enviado (desde|do|a)|(diese nachricht wurde )?von meinem|(mobil )?gesendet (von|mit)|verzonden (met|vanaf|via)"
    r"|verstuurd vanaf|wysłan[eo] z|отправлено (с|из)|надіслано з|odesláno z|odoslané z|lähetetty|trimis d"
    r"|elküldve|στάλθηκε|gửi từ|dikirim dari|enviat des) .{1,60}|.{1,30}(['’]d[ae]n gönderildi|から送信(されました)?"
    r"|에서 보냄)"
    r"|[发来]自\s*(我的|outlook|foxmail|网易|qq|iphone|ipad|android|华为|小米).{0,40}|从我的.{0,30}发送|发送自.{0,40}|從我的.{0,30}傳送"
    r"|(获取|取得) \[?outlook for .{0,60}|从 outlook for .{0,20}获取.{0,40}|签名由.{0,40}定制|\|[\s|]*"
    r"|(保密|免责)(声明|提示)\s*[:：].{0,190}|本(电子)?邮件.{0,20}(保密|机密).{0,160}"
    r"|(confidentiality notice|disclaimer)\b.{0,190}"
    r"|(this|the information contained in this) (e-?mail|message)\b.{0,100}\b(confidential|intended|scanned).{0,100})$",
    re.IGNORECASE,
)
DASHED_NAME = re.compile(r"^\s*-{1,2}\s?[A-Z][a-z]+ [A-Z][a-z]+\s*$")
_KINDLY = r"(with |my |our |very |many |kind(est)? |best |warm(est)? |good )*"
REGARDS = re.compile(
    rf"^\s*({_KINDLY}(regards|wishes|greetings)( to you( all)?)?( ?/.{{0,40}})?|all the best|best|sincerely( yours)?"
    r"|(with )?(many |much )?thanks?( you)?( (very|so) much| a lot)?( (and|in) (advance|anticipation))*"
    r"( for your .{1,40})?|thanking you.{0,40}|thx|yours.{0,20}|respectfully|cheers|take care"
    r"|(mit )?(freundlichen?|besten|herzlichen?|vielen?|liebe[nr]?|schöne[nr]?) (grü(ß|ss)en?|dank)|mfg|lg|vg"
    r"|(bien )?cordialement|(bien|sincèrement) à vous|salutations( distinguées)?|merci( d'avance| beaucoup)?"
    r"|(un )?(cordial(es)? )?saludos?( cordiale?s)?|atentamente|gracias|cordiali saluti|distinti saluti|saluti|grazie"
    r"|atenciosamente|cumprimentos|obrigad[oa]|(met )?vriendelijke groet(en)?|mvg|groet(en|jes)?|bedankt"
    r"|(med )?(vänlig(a)?|venlig|vennlig)e? (hälsning(ar)?|hilsen)|mvh|pozdrawiam|z poważaniem|с уважением|спасибо"
    r"|此致|敬上|敬礼|谨启|盼复|(顺祝|顺颂)?(商|时|夏|冬|春|秋)[祺安]|祝(您|你)?(们)?(一切)?(安?好|安|工作顺利|工作愉快|生活愉快)"
    r"|(多|非常)?(谢谢|感谢|謝謝)(您|你|大家)?(们)?)\W*$",
    re.IGNORECASE,
)
ADDRESS_ALONE = re.compile(r"^\s*[^\s@]{1,64}@[^\s@]{1,255}\s*$")
ADDRESS_FIRST = re.compile(r"^\s*<[^<>@\s]{1,100}@[^<>\s]{1,200}>")
