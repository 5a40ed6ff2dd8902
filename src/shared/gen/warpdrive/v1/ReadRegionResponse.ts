// Original file: proto/warpdrive/v1/warpdrive.proto


export interface ReadRegionResponse {
  'data'?: (Buffer | Uint8Array | string);
}

export interface ReadRegionResponse__Output {
  'data': (Buffer);
}
