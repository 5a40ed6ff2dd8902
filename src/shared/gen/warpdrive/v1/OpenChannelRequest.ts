// Original file: proto/warpdrive/v1/warpdrive.proto


export interface OpenChannelRequest {
  'slots'?: (number);
}

export interface OpenChannelRequest__Output {
  'slots': (number);
}
