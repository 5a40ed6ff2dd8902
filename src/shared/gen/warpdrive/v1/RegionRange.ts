// Original file: proto/warpdrive/v1/warpdrive.proto


export interface RegionRange {
  'region'?: (number);
  'offset'?: (number);
  'bytes'?: (number);
}

export interface RegionRange__Output {
  'region': (number);
  'offset': (number);
  'bytes': (number);
}
