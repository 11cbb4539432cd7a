import FoundationEssentials
import SwiftASN1
import X509

/// What a node's certificate calls the node: `wolfscale:node:ID` among its alternative names, or, for one that was made
/// with other tools, its only common name.
enum CertificateName {
    static let uriPrefix = "wolfscale:node:"

    /// nil when the certificate names no node, or more than one.
    static func of(_ certificate: Certificate) -> String? {
        let uris = alternativeNames(of: certificate).compactMap { name -> String? in
            guard case .uniformResourceIdentifier(let uri) = name, uri.hasPrefix(uriPrefix) else { return nil }
            return String(uri.dropFirst(uriPrefix.count))
        }
        if uris.count > 1 { return nil }
        let name = uris.first ?? onlyCommonName(of: certificate.subject)
        return name.flatMap { isNodeID($0) ? $0 : nil }
    }

    /// As `node.id` in the configuration: 1 to 64 letters, digits, hyphens, underscores and dots.
    static func isNodeID(_ id: String) -> Bool {
        id.utf8.count <= 64 && !id.isEmpty && id != "." && id != ".."
            && id.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }

    static func onlyCommonName(of subject: DistinguishedName) -> String? {
        let names = subject.flatMap { Array($0) }.filter { $0.type == .RDNAttributeType.commonName }
        guard names.count == 1, let name = names.first else { return nil }
        return String(name.value)
    }

    static func alternativeNames(of certificate: Certificate) -> [GeneralName] {
        // A certificate whose names cannot be read names nobody.
        do { return try certificate.extensions.subjectAlternativeNames.map { Array($0) } ?? [] } catch { return [] }
    }

    /// The alternative names of a node's certificate: the node, and the hosts it is dialled at.
    ///
    /// - Parameter hosts: host names and addresses; what is neither is left out.
    static func alternatives(node: String, hosts: [String]) -> [GeneralName] {
        [.uniformResourceIdentifier(uriPrefix + node)] + hosts.compactMap(general)
    }

    static func general(_ host: String) -> GeneralName? {
        if let bytes = SocketAddressBytes.parse(host) { return .ipAddress(ASN1OctetString(contentBytes: bytes[...])) }
        let isName = isNodeID(host) && host.utf8.count <= 253
        return isName ? .dnsName(host) : nil
    }

    /// As text, for people.
    static func text(_ name: GeneralName) -> String? {
        switch name {
        case .dnsName(let host): host
        case .ipAddress(let address): SocketAddressBytes.text(Array(address.bytes))
        case .uniformResourceIdentifier(let uri): uri
        case .otherName, .rfc822Name, .x400Address, .directoryName, .ediPartyName, .registeredID: nil
        }
    }
}
