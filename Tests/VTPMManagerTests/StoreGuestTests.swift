import Foundation
import TPMCrypto
import Testing

@testable import VTPMManager

@Suite struct StoreGuestTests {
    private let test: TestStore

    init() throws { test = try TestStore() }

    @Test func aGuestIsFoundAndKept() throws {
        let created = Date(timeIntervalSince1970: 1_700_000_000)
        let guest = try test.store.createGuest(
            name: "web", group: test.group, settings: Secret("{\"a\":1}"), created: created)
        let other = try test.guest("database")
        #expect(guest.state == .stopped && guest.created == created)
        for _ in 0..<2 {
            #expect(try test.store.guests().map(\.name) == ["database", "web"])
            #expect(try test.store.guest(guest.id) == guest)
            #expect(try test.store.guest(named: "web") == guest)
            #expect(try test.store.guest(named: "mail") == nil)
            #expect(try test.store.guest(UUID()) == nil)
            #expect(try test.settings(guest.id) == "{\"a\":1}")
            #expect(try test.settings(other) == "settings")
            try test.open()
        }
    }

    @Test func aNameIsTakenOnce() throws {
        let guest = try test.guest("web")
        #expect(refusal { _ = try test.guest("web") } == .nameTaken("web"))
        try test.store.rename(guest: guest, to: "web")
        try test.store.rename(guest: guest, to: "www")
        let second = try test.guest("web")
        #expect(refusal { try test.store.rename(guest: second, to: "www") } == .nameTaken("www"))
        #expect(
            refusal { _ = try test.store.createGuest(id: guest, name: "x", group: test.group, settings: Secret("")) }
                == .nameTaken(guest.uuidString))
        try test.open()
        #expect(try test.store.guests().map(\.name) == ["web", "www"])
        #expect(try test.store.guest(named: "www")?.id == guest)
    }

    @Test(arguments: ["", "two\nlines", "bell\u{7}", String(repeating: "x", count: 256)])
    func aNameThatCannotBePrintedIsRefused(name: String) throws {
        #expect(refusal { _ = try test.guest(name) } == .invalidName(name))
        let guest = try test.guest("web")
        #expect(refusal { try test.store.rename(guest: guest, to: name) } == .invalidName(name))
        let group = refusal {
            _ = try test.store.createGroup(name: name, key: TestStore.groupKey, wrappings: [])
        }
        #expect(group == .invalidName(name))
    }

    @Test func aStateIsKept() throws {
        let guest = try test.guest("web")
        for state in GuestState.allCases {
            try test.store.setState(of: guest, to: state)
            try test.open()
            #expect(try test.store.guest(guest)?.state == state)
        }
    }

    @Test func settingsAreReplaced() throws {
        let guest = try test.guest("web", settings: "one")
        try test.store.setSettings(of: guest, to: Secret("two"))
        #expect(try test.settings(guest) == "two")
        try test.open()
        #expect(try test.settings(guest) == "two")
        let large = Secret(count: StoreLimits.recordSize + 1)
        let tooLarge = StoreFailure.tooLarge(bytes: large.count, limit: StoreLimits.recordSize)
        #expect(refusal { try test.store.setSettings(of: guest, to: large) } == tooLarge)
        let largest = Secret([UInt8](repeating: 5, count: StoreLimits.recordSize))
        try test.store.setSettings(of: guest, to: largest)
        try test.open()
        #expect(try test.store.settings(of: guest) == largest)
    }

    @Test func aDeletedGuestIsGone() throws {
        let guest = try test.guest("web")
        let other = try test.guest("mail")
        try test.store.append(Event(kind: "started", text: "It started."), to: guest)
        try test.store.deleteGuest(guest)
        for _ in 0..<2 {
            #expect(try test.store.guest(guest) == nil)
            #expect(refusal { _ = try test.settings(guest) } == .noGuest(guest.uuidString))
            #expect(refusal { try test.store.setSettings(of: guest, to: Secret("")) } == .noGuest(guest.uuidString))
            #expect(refusal { _ = try test.store.events(of: guest) } == .noGuest(guest.uuidString))
            #expect(refusal { try test.store.deleteGuest(guest) } == .noGuest(guest.uuidString))
            #expect(try test.settings(other) == "settings")
            try test.open()
        }
        // Its name and even its UUID are free again, for a guest with another key.
        _ = try test.store.createGuest(id: guest, name: "web", group: test.group, settings: Secret("new"))
        try test.open()
        #expect(try test.settings(guest) == "new")
        #expect(try test.store.events(of: guest).isEmpty)
    }

    @Test func aGuestThatIsServedIsNotDeleted() throws {
        let guest = try test.guest("web")
        let states = GuestStateStore(test.store, guest: guest)
        try states.lock(waiting: 0, continues: false)
        #expect(refusal { try test.store.deleteGuest(guest) } == .served("web"))
        states.release()
        try test.store.deleteGuest(guest)
    }

    @Test func manyThreadsMakeGuestsAtOnce() async throws {
        let (store, group) = (test.store, test.group)
        await withTaskGroup(of: Bool.self) { tasks in
            for number in 0..<40 {
                tasks.addTask {
                    // Every name is asked for twice, and one of both gets it.
                    let guest = try? store.createGuest(name: "g\(number / 2)", group: group, settings: Secret(""))
                    return guest != nil
                }
            }
            var made = 0
            for await isMade in tasks where isMade { made += 1 }
            #expect(made == 20)
        }
        try test.open()
        #expect(try test.store.guests().count == 20)
    }
}

@Suite struct StoreGroupTests {
    private let test: TestStore
    private let wrappings = [
        Wrapping(label: "recovery", blob: [1, 2, 3]), Wrapping(label: "configuration 1", blob: [4]),
    ]

    init() throws { test = try TestStore() }

    @Test func aGroupKeepsWhatBelongsToItsKey() throws {
        let key = Secret([UInt8](repeating: 7, count: 32))
        let group = try test.store.createGroup(name: "dmz", key: key, wrappings: wrappings, policy: Secret("first"))
        #expect(test.store.groups().map(\.name) == ["dmz", "group"])
        for _ in 0..<2 {
            let found = try #require(test.store.group(named: "dmz"))
            #expect(found.wrappings == [wrappings[1], wrappings[0]])
            #expect(test.store.group(group.id) == found)
            #expect(try test.store.policy(of: group.id).text == "first")
            try test.open()
        }
        try test.store.update(group: group.id, wrappings: [wrappings[0]], policy: Secret("second"))
        try test.open()
        #expect(test.store.group(named: "dmz")?.wrappings == [wrappings[0]])
        #expect(try test.store.policy(of: group.id).text == "second")
        #expect(refusal { _ = try test.store.policy(of: UUID()) } != nil)
        let twice = [wrappings[0], wrappings[0]]
        #expect(
            refusal { try test.store.update(group: group.id, wrappings: twice, policy: Secret("")) }
                == .nameTaken("recovery"))
    }

    @Test func aClosedGroupGivesNothing() throws {
        let guest = try test.guest("web")
        try test.store.setSettings(of: guest, to: Secret("two"))
        test.store.closeGroup(test.group)
        #expect(!test.store.isOpen(group: test.group))
        #expect(refusal { _ = try test.settings(guest) } == .groupClosed("group"))
        #expect(refusal { try test.store.setSettings(of: guest, to: Secret("three")) } == .groupClosed("group"))
        #expect(refusal { _ = try test.guest("mail") } == .groupClosed("group"))
        // What the operator has to see and do goes on.
        #expect(try test.store.guests().map(\.name) == ["web"])
        try test.store.rename(guest: guest, to: "www")
        try test.store.append(Event(kind: "refused", text: "The configuration is not approved."), to: guest)
        #expect(try test.store.events(of: guest).map(\.kind) == ["refused"])
        try test.store.openGroup(test.group, key: TestStore.groupKey)
        #expect(try test.settings(guest) == "two")
    }

    @Test func aWrongKeyOpensNoGroup() throws {
        let wrong = Secret([UInt8](repeating: 9, count: 32))
        test.store.closeGroup(test.group)
        #expect(refusal { try test.store.openGroup(test.group, key: wrong) } == .wrongGroupKey("group"))
        #expect(refusal { try test.store.openGroup(test.group, key: Secret("short")) } == .wrongGroupKey("group"))
        #expect(!test.store.isOpen(group: test.group))
        let unknown = UUID()
        #expect(refusal { try test.store.openGroup(unknown, key: wrong) } == .noGroup(unknown.uuidString))
    }

    @Test func onlyAGroupWithoutGuestsIsDeleted() throws {
        let guest = try test.guest("web")
        #expect(refusal { try test.store.deleteGroup(test.group) } == .groupHasGuests("group"))
        try test.store.deleteGuest(guest)
        try test.store.deleteGroup(test.group)
        #expect(test.store.groups().isEmpty && !test.store.isOpen(group: test.group))
        #expect(refusal { _ = try test.guest("web") } == .noGroup(test.group.uuidString))
        _ = try test.store.createGroup(name: "group", key: TestStore.groupKey, wrappings: wrappings)
    }

    @Test func theIntegrityKeyIsKeptForWhoeverOpensTheStore() throws {
        try test.store.setWrappings(wrappings)
        test.close()
        let file = try StoreFile(opening: test.path)
        #expect(file.wrappings == [wrappings[1], wrappings[0]] && file.id == test.store.id)
        file.close()
        try test.open()
        #expect(test.store.wrappings.count == 2)
    }
}

@Suite struct StoreEventTests {
    private let test: TestStore

    init() throws { test = try TestStore() }

    @Test func theLastEventsAreKeptInOrder() throws {
        let (guest, other) = (try test.guest("web"), try test.guest("mail"))
        #expect(try test.store.events(of: guest).isEmpty)
        let time = Date(timeIntervalSince1970: 1_700_000_000)
        for number in 0..<StoreLimits.events + 5 {
            try test.store.append(Event(time: time, kind: "counted", text: "\(number)"), to: guest)
        }
        try test.store.append(Event(time: time, kind: "started", text: "It started."), to: other)
        for _ in 0..<2 {
            let events = try test.store.events(of: guest)
            #expect(events.map(\.text) == (5..<StoreLimits.events + 5).map { "\($0)" })
            #expect(events.first == Event(time: time, kind: "counted", text: "5"))
            #expect(try test.store.events(of: other) == [Event(time: time, kind: "started", text: "It started.")])
            try test.open()
        }
    }

    @Test func aLongTextIsCut() throws {
        let guest = try test.guest("web")
        try test.store.append(Event(kind: "said", text: String(repeating: "é", count: 5000)), to: guest)
        #expect(try test.store.events(of: guest).map(\.text) == [String(repeating: "é", count: 1000)])
    }
}
