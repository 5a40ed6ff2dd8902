// Original file: proto/warpdrive/v1/warpdrive.proto


export interface GetStatusRequest {
}

export interface GetStatusRequest__Output {
}
