// Original file: proto/warpdrive/v1/warpdrive.proto


export interface ListMdevsRequest {
}

export interface ListMdevsRequest__Output {
}
