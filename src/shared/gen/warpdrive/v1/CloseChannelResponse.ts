// Original file: proto/warpdrive/v1/warpdrive.proto


export interface CloseChannelResponse {
}

export interface CloseChannelResponse__Output {
}
