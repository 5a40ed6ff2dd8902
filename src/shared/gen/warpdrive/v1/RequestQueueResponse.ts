// Original file: proto/warpdrive/v1/warpdrive.proto


export interface RequestQueueResponse {
  'queue'?: (number);
  'device'?: (string);
  'depth'?: (number);
  'requestBytesMax'?: (number);
  'token'?: (Buffer | Uint8Array | string);
  'queueFormat'?: (string);
}

export interface RequestQueueResponse__Output {
  'queue': (number);
  'device': (string);
  'depth': (number);
  'requestBytesMax': (number);
  'token': (Buffer);
  'queueFormat': (string);
}
