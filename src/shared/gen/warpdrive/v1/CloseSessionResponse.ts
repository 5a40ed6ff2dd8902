// Original file: proto/warpdrive/v1/warpdrive.proto


export interface CloseSessionResponse {
}

export interface CloseSessionResponse__Output {
}
