// Original file: proto/warpdrive/v1/warpdrive.proto


export interface DrainDeviceRequest {
  'device'?: (string);
  'undo'?: (boolean);
}

export interface DrainDeviceRequest__Output {
  'device': (string);
  'undo': (boolean);
}
