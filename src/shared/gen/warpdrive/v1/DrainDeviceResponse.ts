// Original file: proto/warpdrive/v1/warpdrive.proto


export interface DrainDeviceResponse {
  'queues'?: (number);
}

export interface DrainDeviceResponse__Output {
  'queues': (number);
}
