import Glibc
import TPMServer

/// All that swtpm's options ask for.
struct SwtpmConfiguration: Equatable {
    /// What the program is started for.
    enum Task: Equatable {
        case serve
        case printCapabilities
        case printStates
        /// What is asked for, as GET_INFO of the control protocol has it.
        case printInformation(flags: UInt64)
    }

    /// Where clients come from.
    enum Endpoint: Equatable {
        case address(ListenAddress, FileAccess)
        /// An open socket, connected or listening.
        case descriptor(Int32)
    }

    /// Who may connect to a Unix socket. User and group are numbers or names.
    struct FileAccess: Equatable {
        var mode: mode_t = 0o770
        var user: String?
        var group: String?
    }

    /// A file by its path, or already open.
    enum File: Equatable {
        case path(String)
        case descriptor(Int32)
    }

    /// The directory of the state, and the permissions of its files.
    struct State: Equatable {
        var directory: String
        var fileMode: mode_t = 0o640
    }

    struct Log: Equatable {
        enum Target: Equatable {
            case standardError, nowhere
            case file(File, truncates: Bool)
        }

        var target = Target.standardError
        /// 0 to 20: errors; from 1 on what happens to the TPM, from 2 on clients and requests, from 5 on each command.
        var level = 1
        var prefix: String?
    }

    var task = Task.serve
    var isDaemon = false
    var data: Endpoint?
    /// One answer, and the client is disconnected.
    var disconnects = false
    /// The program ends with the client that sent commands.
    var endsWithDataClient = false
    var control: Endpoint?
    /// The program ends with the client of the control channel.
    var endsWithControlClient = false
    /// Nil only where none is needed.
    var state: State?
    var log = Log()
    var rejectsLocality4 = false
    var acceptsSetLocality = false
    var key: StateKeySource?
    var migrationKey: StateKeySource?
    var processIDFile: File?
    var user: String?
    /// Nil for no filter.
    var filter: SystemCallFilter.Action? = .kill
    /// The TPM has no power until INIT comes over the control channel.
    var waitsForInit = true
    var startup = StartupKind.none

    /// The open descriptors that the options name.
    var descriptors: Set<Int32> {
        var files = [key?.file, migrationKey?.file, processIDFile]
        if case .file(let file, _) = log.target { files.append(file) }
        var descriptors: Set<Int32> = []
        for case .descriptor(let descriptor)? in files { descriptors.insert(descriptor) }
        for case .descriptor(let descriptor)? in [data, control] { descriptors.insert(descriptor) }
        return descriptors
    }
}
