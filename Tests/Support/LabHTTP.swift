import Foundation
import FoundationNetworking

/// One request by plain HTTP; blocks until its answer is there.
enum LabHTTP {
    static func send(_ request: URLRequest) throws -> (status: Int, body: Data) {
        let done = DispatchSemaphore(value: 0)
        let box = ResultBox()
        let task = URLSession.shared.dataTask(with: request) { data, response, error in
            if let response = response as? HTTPURLResponse {
                box.set(.success((response.statusCode, data ?? Data())))
            } else {
                let name = "\(request.httpMethod ?? "GET") \(request.url?.path ?? "")"
                box.set(.failure(LabError("\(name): \(error.map { "\($0)" } ?? "no answer")")))
            }
            done.signal()
        }
        task.resume()
        done.wait()
        return try box.get()
    }

    private final class ResultBox: @unchecked Sendable {
        private var result: Result<(status: Int, body: Data), any Error>?
        func set(_ result: Result<(status: Int, body: Data), any Error>) { self.result = result }
        func get() throws -> (status: Int, body: Data) {
            guard let result else { throw LabError("no answer") }
            return try result.get()
        }
    }
}
