/// TPM_STRUCTURE_TAG, the first two bytes of every structure that is new in 1.2 (Part 2, 3.1).
///
/// The upper four bits are zero for the structures of the TPM. ``FieldCoder/tag(_:)`` holds the tag that came
/// in against the one expected; another tag is TPM_INVALID_STRUCTURE.
public enum StructureTag: UInt16, Sendable, CaseIterable {
    case contextBlob = 0x0001
    case contextSensitive = 0x0002
    case contextPointer = 0x0003
    case contextList = 0x0004
    case signInfo = 0x0005
    case pcrInfoLong = 0x0006
    case persistentFlags = 0x0007
    case volatileFlags = 0x0008
    case persistentData = 0x0009
    case volatileData = 0x000a
    case svData = 0x000b
    case ekBlob = 0x000c
    case ekBlobAuth = 0x000d
    case counterValue = 0x000e
    case transportInternal = 0x000f
    case transportLogIn = 0x0010
    case transportLogOut = 0x0011
    case auditEventIn = 0x0012
    case auditEventOut = 0x0013
    case currentTicks = 0x0014
    case key = 0x0015
    case storedData12 = 0x0016
    case nvAttributes = 0x0017
    case nvDataPublic = 0x0018
    case nvDataSensitive = 0x0019
    case delegations = 0x001a
    case delegatePublic = 0x001b
    case delegateTableRow = 0x001c
    case transportAuth = 0x001d
    case transportPublic = 0x001e
    case permanentFlags = 0x001f
    case stClearFlags = 0x0020
    case stAnyFlags = 0x0021
    case permanentData = 0x0022
    case stClearData = 0x0023
    case stAnyData = 0x0024
    case familyTableEntry = 0x0025
    case delegateSensitive = 0x0026
    case delgKeyBlob = 0x0027
    case key12 = 0x0028
    case certifyInfo2 = 0x0029
    case delegateOwnerBlob = 0x002a
    case ekBlobActivate = 0x002b
    case daaBlob = 0x002c
    case daaContext = 0x002d
    case daaEnforce = 0x002e
    case daaIssuer = 0x002f
    case capVersionInfo = 0x0030
    case daaSensitive = 0x0031
    case daaTPM = 0x0032
    case cmkMigAuth = 0x0033
    case cmkSigTicket = 0x0034
    case cmkMAApproval = 0x0035
    case quoteInfo2 = 0x0036
    case daInfo = 0x0037
    case daInfoLimited = 0x0038
    case daActionType = 0x0039
}
