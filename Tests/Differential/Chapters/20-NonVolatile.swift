import TPMClient
import TPMCrypto
import TPMEngine
import TPMWire

extension Chapter {
    /// Part 3, 20.
    static var nonVolatile: Chapter {
        Chapter(
            flows: [
                Flow("20-before-lock", from: .endorsed) { pair in
                    try pair.send(
                        NVDefineSpace.self, .init(pubInfo: .area(0x1000, [.ppWrite], 8), encAuth: Pair.dataAuth))
                    try pair.useArea(0x1000, size: 8)
                    try pair.send(
                        NVDefineSpace.self, .init(pubInfo: .area(0x1001, [.ownerWrite], 8), encAuth: Pair.dataAuth))
                    try pair.useArea(0x1001, size: 8)
                    for index: UInt32 in [0, 0xf000, 0x1000_0001, 0xf004, 0x0001_1600, 0x5000_0001, 0x0100_0000] {
                        try pair.send(
                            NVDefineSpace.self, .init(pubInfo: .area(index, [.ppWrite], 4), encAuth: Pair.dataAuth))
                        try pair.useArea(index, size: 4)
                    }
                    try pair.send(
                        NVDefineSpace.self, .init(pubInfo: .area(NVIndex.lock, [], 0), encAuth: Pair.dataAuth))
                    try pair.send(
                        NVDefineSpace.self, .init(pubInfo: .area(0x1002, [.ppWrite], 8), encAuth: Pair.dataAuth))
                    try pair.assertPresence()
                    try pair.send(
                        NVDefineSpace.self, .init(pubInfo: .area(0x1002, [.ppWrite], 8), encAuth: Pair.dataAuth))
                    try pair.useArea(0x1002, size: 8)
                },
                Flow("20-areas-before-lock", from: .unlocked, areas),
                Flow("20-areas", areas),
                Flow("20-conditions", conditions),
                Flow("20-indices") { pair in
                    for index in indices {
                        try pair.defineArea(.area(index, [.ownerWrite], 4))
                        try pair.useArea(index, size: 4)
                        try pair.defineArea(.area(index, [.ownerWrite], 0))
                    }
                },
            ],
            actions: [
                Action(2) { pair, world in
                    let index = 0x2000 + UInt32(world.roll(4))
                    let permissions = world.pick(permissions) ?? []
                    if try pair.defineArea(.area(index, permissions, UInt32(world.roll(40)))) != nil {
                        world.areas.append(index)
                    }
                },
                Action(6) { pair, world in
                    guard let index = world.pick(world.areas) else { return }
                    let data = world.bytes(world.roll(24))
                    let request = NVWriteValue.Request(nvIndex: index, offset: UInt32(world.roll(20)), data: data)
                    switch world.roll(3) {
                    case 0: try pair.send(NVWriteValue.self, request)
                    case 1: try pair.send(NVWriteValue.self, request, Pair.ownerOIAP)
                    default: try pair.send(NVWriteValueAuth.self, request, .oiap(Pair.dataAuth))
                    }
                },
                Action(6) { pair, world in
                    guard let index = world.pick(world.areas) else { return }
                    let request = NVReadValue.Request(
                        nvIndex: index, offset: UInt32(world.roll(20)), dataSize: UInt32(world.roll(24)))
                    switch world.roll(3) {
                    case 0: try pair.send(NVReadValue.self, request)
                    case 1: try pair.send(NVReadValue.self, request, Pair.ownerOIAP)
                    default: try pair.send(NVReadValueAuth.self, request, .oiap(Pair.dataAuth))
                    }
                },
                Action { pair, world in
                    guard let index = world.pick(world.areas) else { return }
                    try pair.areaInfo(index)
                },
            ])
    }

    private static let permissions: [NVPermissions] = [
        [.ownerWrite], [.authWrite], [.ppWrite], [.ownerWrite, .ownerRead], [.authWrite, .authRead],
        [.ppWrite, .ppRead], [.ownerWrite, .writeAll], [.ownerWrite, .writeDefine],
        [.authWrite, .authRead, .writeSTClear], [.ownerWrite, .ownerRead, .readSTClear],
        [.ownerWrite, .globalLock], [.authWrite, .ownerRead], [], [.ownerRead], [.ownerWrite, .authWrite],
        [.ownerRead, .authRead, .ownerWrite], [.ownerWrite, .ppRead],
    ]

    private static let indices: [UInt32] = [
        0x0000_0001, 0x0000_0fff, 0x0000_f000, 0x0000_f001, 0x0000_f004, 0x0000_f005, 0x0001_0000, 0x0001_1600,
        0x0001_16ff, 0x0002_0000, 0x0003_0000, 0x0004_0000, 0x0005_0000, 0x0006_0000, 0x0007_0000, 0x00ff_ffff,
        0x0100_0000, 0x0800_0000, 0x1000_0000, 0x1000_0001, 0x1000_0002, 0x2000_0000, 0x4000_0000, 0x5000_0000,
        0x8000_0000, 0x9000_0000, 0xf000_0000, 0xffff_fffe, 0xffff_ffff, 0x0000_0000,
    ]

    private static func areas(_ pair: Pair) throws {
        for (number, permission) in permissions.enumerated() {
            let index = 0x2000 + UInt32(number)
            try pair.defineArea(.area(index, permission, 16))
            try pair.areaInfo(index)
            try pair.useArea(index, size: 16)
            try pair.areaInfo(index)
        }
        try pair.send(NVWriteValue.self, .init(nvIndex: 0, offset: 0, data: []))
        for number in permissions.indices { try pair.useArea(0x2000 + UInt32(number), size: 16) }
        try pair.powerCycle()
        try pair.send(Startup.self, .init(.clear))
        for number in permissions.indices { try pair.useArea(0x2000 + UInt32(number), size: 16) }
        try pair.assertPresence()
        for number in permissions.indices { try pair.useArea(0x2000 + UInt32(number), size: 16) }
        for number in permissions.indices {
            try pair.defineArea(.area(0x2000 + UInt32(number), [.ownerWrite], 0))
            try pair.areaInfo(0x2000 + UInt32(number))
        }
    }

    private static func conditions(_ pair: Pair) throws {
        guard let digest = try pair.composite([16]) else { return }
        let selection = PCRSelection(indices: [16])
        let bound = PCRInfoShort(pcrSelection: selection, localityAtRelease: .all, digestAtRelease: digest)
        let atTwo = PCRInfoShort(
            pcrSelection: PCRSelection(), localityAtRelease: Locality.two.selection, digestAtRelease: .zero)
        for (number, info) in [bound, atTwo].enumerated() {
            for (other, permission) in [NVPermissions.ownerWrite, [.authWrite, .authRead]].enumerated() {
                let index = 0x3000 + UInt32(number * 2 + other)
                var area = NVDataPublic.area(index, permission, 8)
                area.pcrInfoWrite = info
                area.pcrInfoRead = info
                try pair.defineArea(area)
                try pair.areaInfo(index)
                try pair.useArea(index, size: 8)
                try pair.at(.two) { try pair.useArea(index, size: 8) }
            }
        }
        try pair.send(Extend.self, .init(pcrNum: 16, inDigest: .zero))
        for index: UInt32 in 0x3000..<0x3004 { try pair.useArea(index, size: 8) }
    }
}

extension NVDataPublic {
    static func area(_ index: UInt32, _ permissions: NVPermissions, _ size: UInt32) -> NVDataPublic {
        var area = NVDataPublic()
        area.nvIndex = index
        area.permission = NVAttributes(attributes: permissions)
        area.dataSize = size
        return area
    }
}

extension Pair {
    /// TPM_NV_DefineSpace by the owner.
    @discardableResult
    func defineArea(_ area: NVDataPublic) throws -> Both<NVDefineSpace.Response>? {
        try send(NVDefineSpace.self, Self.ownerOSAP) { _, sessions in
            .init(pubInfo: area, encAuth: try sessions[0].hide(Self.dataAuth))
        }
    }

    /// What TPM_GetCapability tells of an area.
    func areaInfo(_ index: UInt32) throws {
        try send(
            GetCapability.self, .init(capArea: CapabilityArea.nvIndex.rawValue, subCap: index.bigEndianBytes))
    }

    /// Writes to and reads from an area in every way.
    func useArea(_ index: UInt32, size: UInt32) throws {
        let half = [UInt8](repeating: 0x5a, count: Int(size / 2))
        for (offset, data): (UInt32, [UInt8]) in [(0, half + half), (size / 2, half), (size / 2, half + half), (0, [])]
        {
            let request = NVWriteValue.Request(nvIndex: index, offset: offset, data: data)
            try send(NVWriteValue.self, request)
            if owner != nil { try send(NVWriteValue.self, request, Self.ownerOIAP) }
            try send(NVWriteValueAuth.self, request, .oiap(Self.dataAuth))
        }
        for (offset, count): (UInt32, UInt32) in [(0, size), (size / 2, size / 2), (1, size), (0, 0), (size, 0)] {
            let request = NVReadValue.Request(nvIndex: index, offset: offset, dataSize: count)
            try send(NVReadValue.self, request)
            if owner != nil { try send(NVReadValue.self, request, Self.ownerOIAP) }
            try send(NVReadValueAuth.self, request, .oiap(Self.dataAuth))
        }
    }
}
