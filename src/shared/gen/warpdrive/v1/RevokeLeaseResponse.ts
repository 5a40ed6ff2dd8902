// Original file: proto/warpdrive/v1/warpdrive.proto


export interface RevokeLeaseResponse {
}

export interface RevokeLeaseResponse__Output {
}
