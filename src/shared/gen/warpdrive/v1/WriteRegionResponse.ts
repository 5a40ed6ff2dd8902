// Original file: proto/warpdrive/v1/warpdrive.proto


export interface WriteRegionResponse {
  'bytes'?: (number);
}

export interface WriteRegionResponse__Output {
  'bytes': (number);
}
