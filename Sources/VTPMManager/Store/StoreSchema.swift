import GRDB

/// The tables of a store.
enum StoreSchema {
    /// SQLite's application_id of a store: "vTPM".
    static let applicationID: Int64 = 0x7654_504D

    /// What makes the tables, version by version; a version that was ever used stays as it is.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1", foreignKeyChecks: .immediate) { db in
            try db.execute(
                sql: """
                    CREATE TABLE store (
                        id BLOB NOT NULL PRIMARY KEY,
                        version INTEGER NOT NULL,
                        keyCheck BLOB NOT NULL
                    ) STRICT, WITHOUT ROWID;
                    CREATE TABLE wrappings (
                        owner BLOB NOT NULL,
                        label TEXT NOT NULL,
                        blob BLOB NOT NULL,
                        PRIMARY KEY (owner, label)
                    ) STRICT, WITHOUT ROWID;
                    CREATE TABLE groups (
                        id BLOB NOT NULL PRIMARY KEY,
                        name TEXT NOT NULL UNIQUE,
                        version INTEGER NOT NULL,
                        keyCheck BLOB NOT NULL,
                        policy BLOB NOT NULL
                    ) STRICT;
                    CREATE TABLE guests (
                        id BLOB NOT NULL PRIMARY KEY,
                        groupID BLOB NOT NULL,
                        name TEXT NOT NULL UNIQUE,
                        state INTEGER NOT NULL,
                        version INTEGER NOT NULL,
                        wrappedKey BLOB NOT NULL,
                        details BLOB NOT NULL
                    ) STRICT;
                    CREATE TABLE records (
                        row INTEGER PRIMARY KEY,
                        guest BLOB NOT NULL,
                        kind INTEGER NOT NULL,
                        version INTEGER NOT NULL,
                        sealed BLOB,
                        UNIQUE (guest, kind)
                    ) STRICT;
                    CREATE TABLE events (
                        guest BLOB NOT NULL,
                        number INTEGER NOT NULL,
                        sealed BLOB NOT NULL,
                        PRIMARY KEY (guest, number)
                    ) STRICT, WITHOUT ROWID;
                    CREATE TABLE chain (
                        sequence INTEGER PRIMARY KEY,
                        content BLOB NOT NULL,
                        hash BLOB NOT NULL,
                        code BLOB NOT NULL
                    ) STRICT;
                    """)
        }
        return migrator
    }

    /// The definitions of all tables, indices, triggers and views, as SQLite keeps them.
    static func definitions(_ db: Database) throws -> [String] {
        try Row.fetchAll(db, sql: "SELECT type, name, sql FROM sqlite_master ORDER BY type, name").map { row in
            // An index that a constraint made has no text.
            let text = try row.optionalText(2) ?? ""
            return "\(try row.text(0)) \(try row.text(1)) \(text)"
        }
    }

    /// What ``definitions(_:)`` of a new store are.
    static func expectedDefinitions() throws -> [String] {
        let queue = try DatabaseQueue()
        try migrator.migrate(queue)
        return try queue.read(definitions)
    }
}
