import Glibc

/// The users and groups of the system.
public enum ProcessUser {
    /// Makes the process the user's for ever, with the groups that the system gives him. For root alone.
    public static func become(_ name: String) throws(ProcessError) {
        guard geteuid() == 0 else {
            throw ProcessError("Only root can become another user: start the program as \(name), or as root.")
        }
        guard let entry = getpwnam(name)?.pointee else { throw ProcessError("There is no user '\(name)'.") }
        guard initgroups(name, entry.pw_gid) == 0, setgid(entry.pw_gid) == 0, setuid(entry.pw_uid) == 0 else {
            throw ProcessError("The process cannot become the user '\(name)': \(lastError()).")
        }
        guard entry.pw_uid == 0 || setuid(0) != 0 else {
            throw ProcessError("The process could become root again after it became the user '\(name)'.")
        }
    }

    /// Makes the process the user's for ever, with his group alone. For root, or for the user himself.
    static func become(_ identity: EngineUser) throws(ProcessError) {
        guard geteuid() == 0 else {
            guard geteuid() == identity.user else {
                throw ProcessError("Only root can become another user: the process is that of user \(geteuid()).")
            }
            return
        }
        guard setgroups(0, nil) == 0, setgid(identity.group) == 0,
            setuid(identity.user) == 0
        else { throw ProcessError("The process cannot become the user \(identity.user): \(lastError()).") }
        guard identity.user == 0 || setuid(0) != 0 else {
            throw ProcessError("The process could become root again after it became the user \(identity.user).")
        }
    }

    /// A user by name, with the group that the system gives him.
    static func named(_ name: String) throws(ProcessError) -> EngineUser {
        guard let entry = getpwnam(name)?.pointee else { throw ProcessError("There is no user '\(name)'.") }
        return EngineUser(user: entry.pw_uid, group: entry.pw_gid)
    }

    /// The number of a user, who is given by it or by name.
    public static func user(_ text: String) throws(ProcessError) -> uid_t {
        if let number = number(text) { return number }
        guard let entry = getpwnam(text)?.pointee else { throw ProcessError("There is no user '\(text)'.") }
        return entry.pw_uid
    }

    /// The number of a group, which is given by it or by name.
    public static func group(_ text: String) throws(ProcessError) -> gid_t {
        if let number = number(text) { return number }
        guard let entry = getgrnam(text)?.pointee else { throw ProcessError("There is no group '\(text)'.") }
        return entry.gr_gid
    }

    /// The largest number stands for nobody.
    private static func number(_ text: String) -> UInt32? {
        guard text.allSatisfy({ ("0"..."9").contains($0) }), let number = UInt32(text), number != .max else {
            return nil
        }
        return number
    }
}
