// Original file: proto/warpdrive/v1/warpdrive.proto


export interface ResumeChannelRequest {
  'resumeSecret'?: (Buffer | Uint8Array | string);
}

export interface ResumeChannelRequest__Output {
  'resumeSecret': (Buffer);
}
