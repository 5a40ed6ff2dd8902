// Original file: proto/warpdrive/v1/warpdrive.proto


export interface ListDevicesRequest {
}

export interface ListDevicesRequest__Output {
}
