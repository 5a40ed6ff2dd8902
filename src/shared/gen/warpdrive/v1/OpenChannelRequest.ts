// Original file: proto/warpdrive/v1/warpdrive.proto


export interface OpenChannelRequest {
  'slots'?: (number);
  'tenant'?: (string);
}

export interface OpenChannelRequest__Output {
  'slots': (number);
  'tenant': (string);
}
