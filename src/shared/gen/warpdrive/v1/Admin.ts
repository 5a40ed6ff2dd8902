// Original file: proto/warpdrive/v1/warpdrive.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { DrainDeviceRequest as _warpdrive_v1_DrainDeviceRequest, DrainDeviceRequest__Output as _warpdrive_v1_DrainDeviceRequest__Output } from '../../warpdrive/v1/DrainDeviceRequest.ts';
import type { DrainDeviceResponse as _warpdrive_v1_DrainDeviceResponse, DrainDeviceResponse__Output as _warpdrive_v1_DrainDeviceResponse__Output } from '../../warpdrive/v1/DrainDeviceResponse.ts';
import type { ListDevicesRequest as _warpdrive_v1_ListDevicesRequest, ListDevicesRequest__Output as _warpdrive_v1_ListDevicesRequest__Output } from '../../warpdrive/v1/ListDevicesRequest.ts';
import type { ListDevicesResponse as _warpdrive_v1_ListDevicesResponse, ListDevicesResponse__Output as _warpdrive_v1_ListDevicesResponse__Output } from '../../warpdrive/v1/ListDevicesResponse.ts';
import type { ListMdevsRequest as _warpdrive_v1_ListMdevsRequest, ListMdevsRequest__Output as _warpdrive_v1_ListMdevsRequest__Output } from '../../warpdrive/v1/ListMdevsRequest.ts';
import type { ListMdevsResponse as _warpdrive_v1_ListMdevsResponse, ListMdevsResponse__Output as _warpdrive_v1_ListMdevsResponse__Output } from '../../warpdrive/v1/ListMdevsResponse.ts';
import type { ListQueuesRequest as _warpdrive_v1_ListQueuesRequest, ListQueuesRequest__Output as _warpdrive_v1_ListQueuesRequest__Output } from '../../warpdrive/v1/ListQueuesRequest.ts';
import type { ListQueuesResponse as _warpdrive_v1_ListQueuesResponse, ListQueuesResponse__Output as _warpdrive_v1_ListQueuesResponse__Output } from '../../warpdrive/v1/ListQueuesResponse.ts';
import type { ListTenantsRequest as _warpdrive_v1_ListTenantsRequest, ListTenantsRequest__Output as _warpdrive_v1_ListTenantsRequest__Output } from '../../warpdrive/v1/ListTenantsRequest.ts';
import type { ListTenantsResponse as _warpdrive_v1_ListTenantsResponse, ListTenantsResponse__Output as _warpdrive_v1_ListTenantsResponse__Output } from '../../warpdrive/v1/ListTenantsResponse.ts';
import type { ReloadRequest as _warpdrive_v1_ReloadRequest, ReloadRequest__Output as _warpdrive_v1_ReloadRequest__Output } from '../../warpdrive/v1/ReloadRequest.ts';
import type { ReloadResponse as _warpdrive_v1_ReloadResponse, ReloadResponse__Output as _warpdrive_v1_ReloadResponse__Output } from '../../warpdrive/v1/ReloadResponse.ts';
import type { RevokeLeaseRequest as _warpdrive_v1_RevokeLeaseRequest, RevokeLeaseRequest__Output as _warpdrive_v1_RevokeLeaseRequest__Output } from '../../warpdrive/v1/RevokeLeaseRequest.ts';
import type { RevokeLeaseResponse as _warpdrive_v1_RevokeLeaseResponse, RevokeLeaseResponse__Output as _warpdrive_v1_RevokeLeaseResponse__Output } from '../../warpdrive/v1/RevokeLeaseResponse.ts';

export interface AdminClient extends grpc.Client {
  DrainDevice(argument: _warpdrive_v1_DrainDeviceRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_DrainDeviceResponse__Output>): grpc.ClientUnaryCall;
  DrainDevice(argument: _warpdrive_v1_DrainDeviceRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_DrainDeviceResponse__Output>): grpc.ClientUnaryCall;
  DrainDevice(argument: _warpdrive_v1_DrainDeviceRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_DrainDeviceResponse__Output>): grpc.ClientUnaryCall;
  DrainDevice(argument: _warpdrive_v1_DrainDeviceRequest, callback: grpc.requestCallback<_warpdrive_v1_DrainDeviceResponse__Output>): grpc.ClientUnaryCall;
  drainDevice(argument: _warpdrive_v1_DrainDeviceRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_DrainDeviceResponse__Output>): grpc.ClientUnaryCall;
  drainDevice(argument: _warpdrive_v1_DrainDeviceRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_DrainDeviceResponse__Output>): grpc.ClientUnaryCall;
  drainDevice(argument: _warpdrive_v1_DrainDeviceRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_DrainDeviceResponse__Output>): grpc.ClientUnaryCall;
  drainDevice(argument: _warpdrive_v1_DrainDeviceRequest, callback: grpc.requestCallback<_warpdrive_v1_DrainDeviceResponse__Output>): grpc.ClientUnaryCall;
  
  ListDevices(argument: _warpdrive_v1_ListDevicesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListDevicesResponse__Output>): grpc.ClientUnaryCall;
  ListDevices(argument: _warpdrive_v1_ListDevicesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ListDevicesResponse__Output>): grpc.ClientUnaryCall;
  ListDevices(argument: _warpdrive_v1_ListDevicesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListDevicesResponse__Output>): grpc.ClientUnaryCall;
  ListDevices(argument: _warpdrive_v1_ListDevicesRequest, callback: grpc.requestCallback<_warpdrive_v1_ListDevicesResponse__Output>): grpc.ClientUnaryCall;
  listDevices(argument: _warpdrive_v1_ListDevicesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListDevicesResponse__Output>): grpc.ClientUnaryCall;
  listDevices(argument: _warpdrive_v1_ListDevicesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ListDevicesResponse__Output>): grpc.ClientUnaryCall;
  listDevices(argument: _warpdrive_v1_ListDevicesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListDevicesResponse__Output>): grpc.ClientUnaryCall;
  listDevices(argument: _warpdrive_v1_ListDevicesRequest, callback: grpc.requestCallback<_warpdrive_v1_ListDevicesResponse__Output>): grpc.ClientUnaryCall;
  
  ListMdevs(argument: _warpdrive_v1_ListMdevsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListMdevsResponse__Output>): grpc.ClientUnaryCall;
  ListMdevs(argument: _warpdrive_v1_ListMdevsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ListMdevsResponse__Output>): grpc.ClientUnaryCall;
  ListMdevs(argument: _warpdrive_v1_ListMdevsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListMdevsResponse__Output>): grpc.ClientUnaryCall;
  ListMdevs(argument: _warpdrive_v1_ListMdevsRequest, callback: grpc.requestCallback<_warpdrive_v1_ListMdevsResponse__Output>): grpc.ClientUnaryCall;
  listMdevs(argument: _warpdrive_v1_ListMdevsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListMdevsResponse__Output>): grpc.ClientUnaryCall;
  listMdevs(argument: _warpdrive_v1_ListMdevsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ListMdevsResponse__Output>): grpc.ClientUnaryCall;
  listMdevs(argument: _warpdrive_v1_ListMdevsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListMdevsResponse__Output>): grpc.ClientUnaryCall;
  listMdevs(argument: _warpdrive_v1_ListMdevsRequest, callback: grpc.requestCallback<_warpdrive_v1_ListMdevsResponse__Output>): grpc.ClientUnaryCall;
  
  ListQueues(argument: _warpdrive_v1_ListQueuesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListQueuesResponse__Output>): grpc.ClientUnaryCall;
  ListQueues(argument: _warpdrive_v1_ListQueuesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ListQueuesResponse__Output>): grpc.ClientUnaryCall;
  ListQueues(argument: _warpdrive_v1_ListQueuesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListQueuesResponse__Output>): grpc.ClientUnaryCall;
  ListQueues(argument: _warpdrive_v1_ListQueuesRequest, callback: grpc.requestCallback<_warpdrive_v1_ListQueuesResponse__Output>): grpc.ClientUnaryCall;
  listQueues(argument: _warpdrive_v1_ListQueuesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListQueuesResponse__Output>): grpc.ClientUnaryCall;
  listQueues(argument: _warpdrive_v1_ListQueuesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ListQueuesResponse__Output>): grpc.ClientUnaryCall;
  listQueues(argument: _warpdrive_v1_ListQueuesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListQueuesResponse__Output>): grpc.ClientUnaryCall;
  listQueues(argument: _warpdrive_v1_ListQueuesRequest, callback: grpc.requestCallback<_warpdrive_v1_ListQueuesResponse__Output>): grpc.ClientUnaryCall;
  
  ListTenants(argument: _warpdrive_v1_ListTenantsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListTenantsResponse__Output>): grpc.ClientUnaryCall;
  ListTenants(argument: _warpdrive_v1_ListTenantsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ListTenantsResponse__Output>): grpc.ClientUnaryCall;
  ListTenants(argument: _warpdrive_v1_ListTenantsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListTenantsResponse__Output>): grpc.ClientUnaryCall;
  ListTenants(argument: _warpdrive_v1_ListTenantsRequest, callback: grpc.requestCallback<_warpdrive_v1_ListTenantsResponse__Output>): grpc.ClientUnaryCall;
  listTenants(argument: _warpdrive_v1_ListTenantsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListTenantsResponse__Output>): grpc.ClientUnaryCall;
  listTenants(argument: _warpdrive_v1_ListTenantsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ListTenantsResponse__Output>): grpc.ClientUnaryCall;
  listTenants(argument: _warpdrive_v1_ListTenantsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListTenantsResponse__Output>): grpc.ClientUnaryCall;
  listTenants(argument: _warpdrive_v1_ListTenantsRequest, callback: grpc.requestCallback<_warpdrive_v1_ListTenantsResponse__Output>): grpc.ClientUnaryCall;
  
  Reload(argument: _warpdrive_v1_ReloadRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ReloadResponse__Output>): grpc.ClientUnaryCall;
  Reload(argument: _warpdrive_v1_ReloadRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ReloadResponse__Output>): grpc.ClientUnaryCall;
  Reload(argument: _warpdrive_v1_ReloadRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ReloadResponse__Output>): grpc.ClientUnaryCall;
  Reload(argument: _warpdrive_v1_ReloadRequest, callback: grpc.requestCallback<_warpdrive_v1_ReloadResponse__Output>): grpc.ClientUnaryCall;
  reload(argument: _warpdrive_v1_ReloadRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ReloadResponse__Output>): grpc.ClientUnaryCall;
  reload(argument: _warpdrive_v1_ReloadRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ReloadResponse__Output>): grpc.ClientUnaryCall;
  reload(argument: _warpdrive_v1_ReloadRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ReloadResponse__Output>): grpc.ClientUnaryCall;
  reload(argument: _warpdrive_v1_ReloadRequest, callback: grpc.requestCallback<_warpdrive_v1_ReloadResponse__Output>): grpc.ClientUnaryCall;
  
  RevokeLease(argument: _warpdrive_v1_RevokeLeaseRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_RevokeLeaseResponse__Output>): grpc.ClientUnaryCall;
  RevokeLease(argument: _warpdrive_v1_RevokeLeaseRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_RevokeLeaseResponse__Output>): grpc.ClientUnaryCall;
  RevokeLease(argument: _warpdrive_v1_RevokeLeaseRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_RevokeLeaseResponse__Output>): grpc.ClientUnaryCall;
  RevokeLease(argument: _warpdrive_v1_RevokeLeaseRequest, callback: grpc.requestCallback<_warpdrive_v1_RevokeLeaseResponse__Output>): grpc.ClientUnaryCall;
  revokeLease(argument: _warpdrive_v1_RevokeLeaseRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_RevokeLeaseResponse__Output>): grpc.ClientUnaryCall;
  revokeLease(argument: _warpdrive_v1_RevokeLeaseRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_RevokeLeaseResponse__Output>): grpc.ClientUnaryCall;
  revokeLease(argument: _warpdrive_v1_RevokeLeaseRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_RevokeLeaseResponse__Output>): grpc.ClientUnaryCall;
  revokeLease(argument: _warpdrive_v1_RevokeLeaseRequest, callback: grpc.requestCallback<_warpdrive_v1_RevokeLeaseResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface AdminHandlers extends grpc.UntypedServiceImplementation {
  DrainDevice: grpc.handleUnaryCall<_warpdrive_v1_DrainDeviceRequest__Output, _warpdrive_v1_DrainDeviceResponse>;
  
  ListDevices: grpc.handleUnaryCall<_warpdrive_v1_ListDevicesRequest__Output, _warpdrive_v1_ListDevicesResponse>;
  
  ListMdevs: grpc.handleUnaryCall<_warpdrive_v1_ListMdevsRequest__Output, _warpdrive_v1_ListMdevsResponse>;
  
  ListQueues: grpc.handleUnaryCall<_warpdrive_v1_ListQueuesRequest__Output, _warpdrive_v1_ListQueuesResponse>;
  
  ListTenants: grpc.handleUnaryCall<_warpdrive_v1_ListTenantsRequest__Output, _warpdrive_v1_ListTenantsResponse>;
  
  Reload: grpc.handleUnaryCall<_warpdrive_v1_ReloadRequest__Output, _warpdrive_v1_ReloadResponse>;
  
  RevokeLease: grpc.handleUnaryCall<_warpdrive_v1_RevokeLeaseRequest__Output, _warpdrive_v1_RevokeLeaseResponse>;
  
}

export interface AdminDefinition extends grpc.ServiceDefinition {
  DrainDevice: MethodDefinition<_warpdrive_v1_DrainDeviceRequest, _warpdrive_v1_DrainDeviceResponse, _warpdrive_v1_DrainDeviceRequest__Output, _warpdrive_v1_DrainDeviceResponse__Output>
  ListDevices: MethodDefinition<_warpdrive_v1_ListDevicesRequest, _warpdrive_v1_ListDevicesResponse, _warpdrive_v1_ListDevicesRequest__Output, _warpdrive_v1_ListDevicesResponse__Output>
  ListMdevs: MethodDefinition<_warpdrive_v1_ListMdevsRequest, _warpdrive_v1_ListMdevsResponse, _warpdrive_v1_ListMdevsRequest__Output, _warpdrive_v1_ListMdevsResponse__Output>
  ListQueues: MethodDefinition<_warpdrive_v1_ListQueuesRequest, _warpdrive_v1_ListQueuesResponse, _warpdrive_v1_ListQueuesRequest__Output, _warpdrive_v1_ListQueuesResponse__Output>
  ListTenants: MethodDefinition<_warpdrive_v1_ListTenantsRequest, _warpdrive_v1_ListTenantsResponse, _warpdrive_v1_ListTenantsRequest__Output, _warpdrive_v1_ListTenantsResponse__Output>
  Reload: MethodDefinition<_warpdrive_v1_ReloadRequest, _warpdrive_v1_ReloadResponse, _warpdrive_v1_ReloadRequest__Output, _warpdrive_v1_ReloadResponse__Output>
  RevokeLease: MethodDefinition<_warpdrive_v1_RevokeLeaseRequest, _warpdrive_v1_RevokeLeaseResponse, _warpdrive_v1_RevokeLeaseRequest__Output, _warpdrive_v1_RevokeLeaseResponse__Output>
}
