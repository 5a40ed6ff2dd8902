// Original file: proto/warpdrive/v1/warpdrive.proto


export interface ReleaseQueueResponse {
}

export interface ReleaseQueueResponse__Output {
}
