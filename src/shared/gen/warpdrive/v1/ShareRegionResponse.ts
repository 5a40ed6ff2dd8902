// Original file: proto/warpdrive/v1/warpdrive.proto


export interface ShareRegionResponse {
  'region'?: (number);
  'token'?: (Buffer | Uint8Array | string);
}

export interface ShareRegionResponse__Output {
  'region': (number);
  'token': (Buffer);
}
