// Original file: proto/warpdrive/v1/warpdrive.proto


export interface ListQueuesRequest {
}

export interface ListQueuesRequest__Output {
}
