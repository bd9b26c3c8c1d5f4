import ArgumentParser
import VTPMManager

extension PCRSelection: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}
