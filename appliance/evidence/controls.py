"""Which controls the product has evidence for, by framework. Numbers are the frameworks'; every word is ours."""

from typing import Final

from appliance.evidence.values import Control, Framework
from appliance.evidence.values import Item as I  # noqa: N817 - a table is read by its rows

_SOC2 = (
    Control("CC6.1", "Access to systems and data is limited, and data is protected by keys", (I.ACCESS_LIST, I.ISOLATION, I.KEY_INVENTORY)),
    Control("CC6.2", "Access is given and taken by people who may", (I.ACCESS_LIST, I.CHANGE_HISTORY)),
    Control("CC6.3", "Roles are kept to what is needed, and are looked through", (I.ACCESS_LIST, I.ACCESS_REVIEW)),
    Control("CC6.6", "People prove who they are before they come in from outside", (I.SIGN_IN_STRENGTH, I.SIGN_ON)),
    Control("CC6.7", "Data leaves only by ways that are known and guarded", (I.DATA_FLOWS, I.MODEL_CALLS, I.DATA_PROTECTION)),
    Control("CC7.1", "Weaknesses of the system are looked for", (I.VERSIONS, I.ISOLATION)),
    Control("CC7.2", "What happens is recorded, and oddities can be seen", (I.LOG_PROOFS, I.SIGN_IN_WATCH, I.MODEL_CALLS)),
    Control("CC8.1", "Changes are made by who may, and are on record", (I.CHANGE_HISTORY, I.VERSIONS)),
    Control("CC9.2", "Risks of vendors are known and under contract", (I.DATA_FLOWS,)),
    Control("A1.2", "Data is backed up", (I.BACKUPS,)),
    Control("A1.3", "Restoring is practised", (I.RESTORE_DRILLS,)),
    Control("C1.2", "Confidential data is deleted when its time has come", (I.DELETIONS,)),
    Control("P5.1", "People can see what is kept of them", (I.SUBJECT_REQUESTS,)),
)  # fmt: skip
_ISO27001 = (
    Control("A.5.15", "Rules say who has access to what", (I.ACCESS_LIST, I.POLICY)),
    Control("A.5.16", "Each person has an identity of their own, from joining to leaving", (I.ACCESS_LIST, I.SIGN_ON)),
    Control("A.5.17", "Passwords and other proofs of identity are handled with care", (I.SIGN_IN_STRENGTH,)),
    Control("A.5.18", "Access is given, looked through and taken", (I.ACCESS_LIST, I.ACCESS_REVIEW)),
    Control("A.5.19", "Suppliers are chosen and watched with security in mind", (I.DATA_FLOWS,)),
    Control("A.5.20", "Contracts with suppliers say what they must do", (I.DATA_FLOWS,)),
    Control("A.5.23", "Cloud services are used by rules", (I.DATA_FLOWS, I.POLICY)),
    Control("A.5.28", "Evidence is collected so that it holds", (I.LOG_PROOFS,)),
    Control("A.5.30", "The system can be brought back in time", (I.RESTORE_DRILLS,)),
    Control("A.5.33", "Records are kept from loss and alteration", (I.LOG_PROOFS,)),
    Control("A.5.34", "Personal data is protected", (I.DELETIONS, I.SUBJECT_REQUESTS)),
    Control("A.8.2", "Far-reaching rights are few and watched", (I.ACCESS_LIST, I.SIGN_IN_STRENGTH)),
    Control("A.8.3", "Data is shown only to who may see it", (I.ISOLATION,)),
    Control("A.8.5", "Signing in is strong enough", (I.SIGN_IN_STRENGTH, I.SIGN_IN_WATCH, I.SIGN_ON)),
    Control("A.8.8", "Known weaknesses are found and dealt with", (I.VERSIONS,)),
    Control("A.8.9", "Configuration is known, and its changes are on record", (I.CHANGE_HISTORY, I.POLICY)),
    Control("A.8.10", "Data is deleted when it is not needed any more", (I.DELETIONS,)),
    Control("A.8.12", "Data does not leak", (I.DATA_PROTECTION, I.MODEL_CALLS, I.DATA_FLOWS)),
    Control("A.8.13", "Backups are made and tried", (I.BACKUPS, I.RESTORE_DRILLS)),
    Control("A.8.15", "Logs are made, kept and protected", (I.LOG_PROOFS, I.LOG_ACCESS)),
    Control("A.8.16", "Oddities are watched for", (I.SIGN_IN_WATCH, I.MODEL_CALLS)),
    Control("A.8.24", "Cryptography is used by rules, and keys are looked after", (I.KEY_INVENTORY, I.PROVIDER_KEYS)),
    Control("A.8.32", "Changes are controlled", (I.CHANGE_HISTORY,)),
)  # fmt: skip
_ISO42001 = (
    Control("A.2.2", "There is a policy for the use of AI, and it is in force", (I.POLICY,)),
    Control("A.4.4", "The tools and models in use are known", (I.AI_REGISTER, I.VERSIONS)),
    Control("A.6.2.6", "AI systems are watched in operation", (I.MODEL_CALLS, I.CHANGE_HISTORY)),
    Control("A.6.2.8", "AI systems keep logs of what they do", (I.LOG_PROOFS, I.MODEL_CALLS)),
    Control("A.9.2", "AI is used responsibly, by rules that are in force", (I.POLICY, I.OVERSIGHT, I.DATA_PROTECTION)),
    Control("A.10.2", "It is clear who is responsible for what, also at partners", (I.DATA_FLOWS, I.ACCESS_LIST)),
    Control("A.10.3", "Suppliers of models fit the organisation's own rules", (I.DATA_FLOWS,)),
)  # fmt: skip
_HIPAA = (
    Control("164.308(a)(1)(ii)(D)", "Records of activity are looked through regularly", (I.LOG_ACCESS,)),
    Control("164.308(a)(3)", "Who works here has the access that the work needs, and loses it on leaving", (I.ACCESS_LIST, I.ACCESS_REVIEW)),
    Control("164.308(a)(4)", "Access is granted and changed by rules", (I.CHANGE_HISTORY, I.ACCESS_REVIEW)),
    Control("164.308(a)(5)(ii)(C)", "Sign-ins are watched", (I.SIGN_IN_WATCH,)),
    Control("164.308(a)(7)", "Data can be restored after an emergency, and that is practised", (I.BACKUPS, I.RESTORE_DRILLS)),
    Control("164.308(b)", "Business associates are under contract", (I.DATA_FLOWS,)),
    Control("164.312(a)(1)", "Only who may has technical access", (I.ACCESS_LIST, I.ISOLATION, I.SIGN_ON)),
    Control("164.312(a)(2)(iv)", "Health data is encrypted at rest", (I.KEY_INVENTORY,)),
    Control("164.312(b)", "Activity is recorded and can be examined", (I.LOG_PROOFS,)),
    Control("164.312(c)(1)", "Records cannot be altered or destroyed unnoticed", (I.LOG_PROOFS,)),
    Control("164.312(d)", "People prove that they are who they say", (I.SIGN_IN_STRENGTH, I.SIGN_ON)),
)  # fmt: skip
_GDPR = (
    Control("Art. 5(2)", "The controller can show that the rules are kept", (I.LOG_PROOFS, I.CHANGE_HISTORY)),
    Control("Art. 15-20", "People get, correct, erase and take along their data", (I.SUBJECT_REQUESTS,)),
    Control("Art. 17", "Data is erased", (I.DELETIONS,)),
    Control("Art. 25", "Protection is built in, and the default", (I.ISOLATION, I.POLICY, I.DATA_PROTECTION)),
    Control("Art. 28", "Processors act under a contract", (I.DATA_FLOWS,)),
    Control("Art. 30", "Processing is on record: what goes to whom, and where", (I.DATA_FLOWS, I.AI_REGISTER)),
    Control("Art. 32", "Processing is secure: encryption, access, recovery, and trying these", (I.KEY_INVENTORY, I.ACCESS_LIST, I.SIGN_ON, I.BACKUPS, I.RESTORE_DRILLS)),
    Control("Art. 44", "Data goes to other countries only with safeguards", (I.DATA_FLOWS,)),
    Control("Art. 88", "Looking into what employees wrote is limited and on record", (I.OVERSIGHT,)),
)  # fmt: skip
_PCI = (
    Control("3.6", "Keys are kept securely", (I.KEY_INVENTORY,)),
    Control("3.7", "Keys are rotated and ended by rules", (I.KEY_INVENTORY, I.PROVIDER_KEYS)),
    Control("6.3", "Components are known, and weaknesses in them are dealt with", (I.VERSIONS,)),
    Control("6.5", "Changes are controlled", (I.CHANGE_HISTORY,)),
    Control("7.2", "Access is given by need, and looked through every six months", (I.ACCESS_LIST, I.ACCESS_REVIEW)),
    Control("8.2", "Accounts belong to one person, and end when unused", (I.ACCESS_LIST,)),
    Control("8.4", "More than a password is asked for", (I.SIGN_IN_STRENGTH, I.SIGN_ON)),
    Control("8.6", "Accounts of programs are known and limited", (I.ACCESS_LIST, I.ACCESS_REVIEW)),
    Control("10.2", "Who did what is recorded", (I.LOG_PROOFS, I.CHANGE_HISTORY)),
    Control("10.3", "Logs cannot be altered or destroyed unnoticed", (I.LOG_PROOFS, I.LOG_ACCESS)),
    Control("10.5", "Logs are kept for at least a year", (I.LOG_PROOFS,)),
    Control("12.8", "Service providers are known and under contract", (I.DATA_FLOWS,)),
)  # fmt: skip
_AI_ACT = (
    Control("Art. 12(1)", "The system records events by itself for as long as it lives", (I.LOG_PROOFS,)),
    Control("Art. 12(2)", "The records show risks, allow watching afterwards, and show how it was used", (I.MODEL_CALLS, I.SIGN_IN_WATCH)),
    Control("Art. 12(3)", "The records say when it was used, with which data, and who was involved", (I.MODEL_CALLS, I.LOG_ACCESS)),
    Control("Art. 19", "The records are kept for at least six months", (I.LOG_PROOFS,)),
)  # fmt: skip

FRAMEWORKS: Final[dict[str, Framework]] = {
    one.code: one
    for one in (
        Framework("soc2", "SOC 2", _SOC2),
        Framework("iso27001", "ISO/IEC 27001:2022", _ISO27001),
        Framework("iso42001", "ISO/IEC 42001:2023", _ISO42001),
        Framework("hipaa", "HIPAA", _HIPAA),
        Framework("gdpr", "GDPR", _GDPR),
        Framework("pci_dss", "PCI DSS 4.0.1", _PCI),
        Framework("ai_act", "EU AI Act", _AI_ACT),
    )
}
