import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { AdminClient as _warpdrive_v1_AdminClient, AdminDefinition as _warpdrive_v1_AdminDefinition } from './warpdrive/v1/Admin.ts';
import type { BrokerClient as _warpdrive_v1_BrokerClient, BrokerDefinition as _warpdrive_v1_BrokerDefinition } from './warpdrive/v1/Broker.ts';
import type { CloseChannelRequest as _warpdrive_v1_CloseChannelRequest, CloseChannelRequest__Output as _warpdrive_v1_CloseChannelRequest__Output } from './warpdrive/v1/CloseChannelRequest.ts';
import type { CloseChannelResponse as _warpdrive_v1_CloseChannelResponse, CloseChannelResponse__Output as _warpdrive_v1_CloseChannelResponse__Output } from './warpdrive/v1/CloseChannelResponse.ts';
import type { CloseSessionRequest as _warpdrive_v1_CloseSessionRequest, CloseSessionRequest__Output as _warpdrive_v1_CloseSessionRequest__Output } from './warpdrive/v1/CloseSessionRequest.ts';
import type { CloseSessionResponse as _warpdrive_v1_CloseSessionResponse, CloseSessionResponse__Output as _warpdrive_v1_CloseSessionResponse__Output } from './warpdrive/v1/CloseSessionResponse.ts';
import type { Completion as _warpdrive_v1_Completion, Completion__Output as _warpdrive_v1_Completion__Output } from './warpdrive/v1/Completion.ts';
import type { Device as _warpdrive_v1_Device, Device__Output as _warpdrive_v1_Device__Output } from './warpdrive/v1/Device.ts';
import type { DrainDeviceRequest as _warpdrive_v1_DrainDeviceRequest, DrainDeviceRequest__Output as _warpdrive_v1_DrainDeviceRequest__Output } from './warpdrive/v1/DrainDeviceRequest.ts';
import type { DrainDeviceResponse as _warpdrive_v1_DrainDeviceResponse, DrainDeviceResponse__Output as _warpdrive_v1_DrainDeviceResponse__Output } from './warpdrive/v1/DrainDeviceResponse.ts';
import type { ExchangeRequest as _warpdrive_v1_ExchangeRequest, ExchangeRequest__Output as _warpdrive_v1_ExchangeRequest__Output } from './warpdrive/v1/ExchangeRequest.ts';
import type { ExchangeResponse as _warpdrive_v1_ExchangeResponse, ExchangeResponse__Output as _warpdrive_v1_ExchangeResponse__Output } from './warpdrive/v1/ExchangeResponse.ts';
import type { GetStatusRequest as _warpdrive_v1_GetStatusRequest, GetStatusRequest__Output as _warpdrive_v1_GetStatusRequest__Output } from './warpdrive/v1/GetStatusRequest.ts';
import type { GetStatusResponse as _warpdrive_v1_GetStatusResponse, GetStatusResponse__Output as _warpdrive_v1_GetStatusResponse__Output } from './warpdrive/v1/GetStatusResponse.ts';
import type { Input as _warpdrive_v1_Input, Input__Output as _warpdrive_v1_Input__Output } from './warpdrive/v1/Input.ts';
import type { ListDevicesRequest as _warpdrive_v1_ListDevicesRequest, ListDevicesRequest__Output as _warpdrive_v1_ListDevicesRequest__Output } from './warpdrive/v1/ListDevicesRequest.ts';
import type { ListDevicesResponse as _warpdrive_v1_ListDevicesResponse, ListDevicesResponse__Output as _warpdrive_v1_ListDevicesResponse__Output } from './warpdrive/v1/ListDevicesResponse.ts';
import type { ListMdevsRequest as _warpdrive_v1_ListMdevsRequest, ListMdevsRequest__Output as _warpdrive_v1_ListMdevsRequest__Output } from './warpdrive/v1/ListMdevsRequest.ts';
import type { ListMdevsResponse as _warpdrive_v1_ListMdevsResponse, ListMdevsResponse__Output as _warpdrive_v1_ListMdevsResponse__Output } from './warpdrive/v1/ListMdevsResponse.ts';
import type { ListQueuesRequest as _warpdrive_v1_ListQueuesRequest, ListQueuesRequest__Output as _warpdrive_v1_ListQueuesRequest__Output } from './warpdrive/v1/ListQueuesRequest.ts';
import type { ListQueuesResponse as _warpdrive_v1_ListQueuesResponse, ListQueuesResponse__Output as _warpdrive_v1_ListQueuesResponse__Output } from './warpdrive/v1/ListQueuesResponse.ts';
import type { ListTenantsRequest as _warpdrive_v1_ListTenantsRequest, ListTenantsRequest__Output as _warpdrive_v1_ListTenantsRequest__Output } from './warpdrive/v1/ListTenantsRequest.ts';
import type { ListTenantsResponse as _warpdrive_v1_ListTenantsResponse, ListTenantsResponse__Output as _warpdrive_v1_ListTenantsResponse__Output } from './warpdrive/v1/ListTenantsResponse.ts';
import type { MapRegionRequest as _warpdrive_v1_MapRegionRequest, MapRegionRequest__Output as _warpdrive_v1_MapRegionRequest__Output } from './warpdrive/v1/MapRegionRequest.ts';
import type { MapRegionResponse as _warpdrive_v1_MapRegionResponse, MapRegionResponse__Output as _warpdrive_v1_MapRegionResponse__Output } from './warpdrive/v1/MapRegionResponse.ts';
import type { Mdev as _warpdrive_v1_Mdev, Mdev__Output as _warpdrive_v1_Mdev__Output } from './warpdrive/v1/Mdev.ts';
import type { OpenChannelRequest as _warpdrive_v1_OpenChannelRequest, OpenChannelRequest__Output as _warpdrive_v1_OpenChannelRequest__Output } from './warpdrive/v1/OpenChannelRequest.ts';
import type { OpenChannelResponse as _warpdrive_v1_OpenChannelResponse, OpenChannelResponse__Output as _warpdrive_v1_OpenChannelResponse__Output } from './warpdrive/v1/OpenChannelResponse.ts';
import type { OpenSessionRequest as _warpdrive_v1_OpenSessionRequest, OpenSessionRequest__Output as _warpdrive_v1_OpenSessionRequest__Output } from './warpdrive/v1/OpenSessionRequest.ts';
import type { OpenSessionResponse as _warpdrive_v1_OpenSessionResponse, OpenSessionResponse__Output as _warpdrive_v1_OpenSessionResponse__Output } from './warpdrive/v1/OpenSessionResponse.ts';
import type { Output as _warpdrive_v1_Output, Output__Output as _warpdrive_v1_Output__Output } from './warpdrive/v1/Output.ts';
import type { Part as _warpdrive_v1_Part, Part__Output as _warpdrive_v1_Part__Output } from './warpdrive/v1/Part.ts';
import type { Process as _warpdrive_v1_Process, Process__Output as _warpdrive_v1_Process__Output } from './warpdrive/v1/Process.ts';
import type { Queue as _warpdrive_v1_Queue, Queue__Output as _warpdrive_v1_Queue__Output } from './warpdrive/v1/Queue.ts';
import type { ReadRegionRequest as _warpdrive_v1_ReadRegionRequest, ReadRegionRequest__Output as _warpdrive_v1_ReadRegionRequest__Output } from './warpdrive/v1/ReadRegionRequest.ts';
import type { ReadRegionResponse as _warpdrive_v1_ReadRegionResponse, ReadRegionResponse__Output as _warpdrive_v1_ReadRegionResponse__Output } from './warpdrive/v1/ReadRegionResponse.ts';
import type { RegionRange as _warpdrive_v1_RegionRange, RegionRange__Output as _warpdrive_v1_RegionRange__Output } from './warpdrive/v1/RegionRange.ts';
import type { ReleaseQueueRequest as _warpdrive_v1_ReleaseQueueRequest, ReleaseQueueRequest__Output as _warpdrive_v1_ReleaseQueueRequest__Output } from './warpdrive/v1/ReleaseQueueRequest.ts';
import type { ReleaseQueueResponse as _warpdrive_v1_ReleaseQueueResponse, ReleaseQueueResponse__Output as _warpdrive_v1_ReleaseQueueResponse__Output } from './warpdrive/v1/ReleaseQueueResponse.ts';
import type { ReleaseRegionRequest as _warpdrive_v1_ReleaseRegionRequest, ReleaseRegionRequest__Output as _warpdrive_v1_ReleaseRegionRequest__Output } from './warpdrive/v1/ReleaseRegionRequest.ts';
import type { ReleaseRegionResponse as _warpdrive_v1_ReleaseRegionResponse, ReleaseRegionResponse__Output as _warpdrive_v1_ReleaseRegionResponse__Output } from './warpdrive/v1/ReleaseRegionResponse.ts';
import type { ReloadRequest as _warpdrive_v1_ReloadRequest, ReloadRequest__Output as _warpdrive_v1_ReloadRequest__Output } from './warpdrive/v1/ReloadRequest.ts';
import type { ReloadResponse as _warpdrive_v1_ReloadResponse, ReloadResponse__Output as _warpdrive_v1_ReloadResponse__Output } from './warpdrive/v1/ReloadResponse.ts';
import type { Request as _warpdrive_v1_Request, Request__Output as _warpdrive_v1_Request__Output } from './warpdrive/v1/Request.ts';
import type { RequestQueueRequest as _warpdrive_v1_RequestQueueRequest, RequestQueueRequest__Output as _warpdrive_v1_RequestQueueRequest__Output } from './warpdrive/v1/RequestQueueRequest.ts';
import type { RequestQueueResponse as _warpdrive_v1_RequestQueueResponse, RequestQueueResponse__Output as _warpdrive_v1_RequestQueueResponse__Output } from './warpdrive/v1/RequestQueueResponse.ts';
import type { ResumeChannelRequest as _warpdrive_v1_ResumeChannelRequest, ResumeChannelRequest__Output as _warpdrive_v1_ResumeChannelRequest__Output } from './warpdrive/v1/ResumeChannelRequest.ts';
import type { ResumeChannelResponse as _warpdrive_v1_ResumeChannelResponse, ResumeChannelResponse__Output as _warpdrive_v1_ResumeChannelResponse__Output } from './warpdrive/v1/ResumeChannelResponse.ts';
import type { RevokeLeaseRequest as _warpdrive_v1_RevokeLeaseRequest, RevokeLeaseRequest__Output as _warpdrive_v1_RevokeLeaseRequest__Output } from './warpdrive/v1/RevokeLeaseRequest.ts';
import type { RevokeLeaseResponse as _warpdrive_v1_RevokeLeaseResponse, RevokeLeaseResponse__Output as _warpdrive_v1_RevokeLeaseResponse__Output } from './warpdrive/v1/RevokeLeaseResponse.ts';
import type { ShareRegionRequest as _warpdrive_v1_ShareRegionRequest, ShareRegionRequest__Output as _warpdrive_v1_ShareRegionRequest__Output } from './warpdrive/v1/ShareRegionRequest.ts';
import type { ShareRegionResponse as _warpdrive_v1_ShareRegionResponse, ShareRegionResponse__Output as _warpdrive_v1_ShareRegionResponse__Output } from './warpdrive/v1/ShareRegionResponse.ts';
import type { Tenant as _warpdrive_v1_Tenant, Tenant__Output as _warpdrive_v1_Tenant__Output } from './warpdrive/v1/Tenant.ts';
import type { Usage as _warpdrive_v1_Usage, Usage__Output as _warpdrive_v1_Usage__Output } from './warpdrive/v1/Usage.ts';
import type { WaitingCall as _warpdrive_v1_WaitingCall, WaitingCall__Output as _warpdrive_v1_WaitingCall__Output } from './warpdrive/v1/WaitingCall.ts';
import type { WriteRegionRequest as _warpdrive_v1_WriteRegionRequest, WriteRegionRequest__Output as _warpdrive_v1_WriteRegionRequest__Output } from './warpdrive/v1/WriteRegionRequest.ts';
import type { WriteRegionResponse as _warpdrive_v1_WriteRegionResponse, WriteRegionResponse__Output as _warpdrive_v1_WriteRegionResponse__Output } from './warpdrive/v1/WriteRegionResponse.ts';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  warpdrive: {
    v1: {
      Admin: SubtypeConstructor<typeof grpc.Client, _warpdrive_v1_AdminClient> & { service: _warpdrive_v1_AdminDefinition }
      Broker: SubtypeConstructor<typeof grpc.Client, _warpdrive_v1_BrokerClient> & { service: _warpdrive_v1_BrokerDefinition }
      CloseChannelRequest: MessageTypeDefinition<_warpdrive_v1_CloseChannelRequest, _warpdrive_v1_CloseChannelRequest__Output>
      CloseChannelResponse: MessageTypeDefinition<_warpdrive_v1_CloseChannelResponse, _warpdrive_v1_CloseChannelResponse__Output>
      CloseSessionRequest: MessageTypeDefinition<_warpdrive_v1_CloseSessionRequest, _warpdrive_v1_CloseSessionRequest__Output>
      CloseSessionResponse: MessageTypeDefinition<_warpdrive_v1_CloseSessionResponse, _warpdrive_v1_CloseSessionResponse__Output>
      Completion: MessageTypeDefinition<_warpdrive_v1_Completion, _warpdrive_v1_Completion__Output>
      Device: MessageTypeDefinition<_warpdrive_v1_Device, _warpdrive_v1_Device__Output>
      DeviceState: EnumTypeDefinition
      DrainDeviceRequest: MessageTypeDefinition<_warpdrive_v1_DrainDeviceRequest, _warpdrive_v1_DrainDeviceRequest__Output>
      DrainDeviceResponse: MessageTypeDefinition<_warpdrive_v1_DrainDeviceResponse, _warpdrive_v1_DrainDeviceResponse__Output>
      ExchangeRequest: MessageTypeDefinition<_warpdrive_v1_ExchangeRequest, _warpdrive_v1_ExchangeRequest__Output>
      ExchangeResponse: MessageTypeDefinition<_warpdrive_v1_ExchangeResponse, _warpdrive_v1_ExchangeResponse__Output>
      GetStatusRequest: MessageTypeDefinition<_warpdrive_v1_GetStatusRequest, _warpdrive_v1_GetStatusRequest__Output>
      GetStatusResponse: MessageTypeDefinition<_warpdrive_v1_GetStatusResponse, _warpdrive_v1_GetStatusResponse__Output>
      Input: MessageTypeDefinition<_warpdrive_v1_Input, _warpdrive_v1_Input__Output>
      ListDevicesRequest: MessageTypeDefinition<_warpdrive_v1_ListDevicesRequest, _warpdrive_v1_ListDevicesRequest__Output>
      ListDevicesResponse: MessageTypeDefinition<_warpdrive_v1_ListDevicesResponse, _warpdrive_v1_ListDevicesResponse__Output>
      ListMdevsRequest: MessageTypeDefinition<_warpdrive_v1_ListMdevsRequest, _warpdrive_v1_ListMdevsRequest__Output>
      ListMdevsResponse: MessageTypeDefinition<_warpdrive_v1_ListMdevsResponse, _warpdrive_v1_ListMdevsResponse__Output>
      ListQueuesRequest: MessageTypeDefinition<_warpdrive_v1_ListQueuesRequest, _warpdrive_v1_ListQueuesRequest__Output>
      ListQueuesResponse: MessageTypeDefinition<_warpdrive_v1_ListQueuesResponse, _warpdrive_v1_ListQueuesResponse__Output>
      ListTenantsRequest: MessageTypeDefinition<_warpdrive_v1_ListTenantsRequest, _warpdrive_v1_ListTenantsRequest__Output>
      ListTenantsResponse: MessageTypeDefinition<_warpdrive_v1_ListTenantsResponse, _warpdrive_v1_ListTenantsResponse__Output>
      MapRegionRequest: MessageTypeDefinition<_warpdrive_v1_MapRegionRequest, _warpdrive_v1_MapRegionRequest__Output>
      MapRegionResponse: MessageTypeDefinition<_warpdrive_v1_MapRegionResponse, _warpdrive_v1_MapRegionResponse__Output>
      Mdev: MessageTypeDefinition<_warpdrive_v1_Mdev, _warpdrive_v1_Mdev__Output>
      OpenChannelRequest: MessageTypeDefinition<_warpdrive_v1_OpenChannelRequest, _warpdrive_v1_OpenChannelRequest__Output>
      OpenChannelResponse: MessageTypeDefinition<_warpdrive_v1_OpenChannelResponse, _warpdrive_v1_OpenChannelResponse__Output>
      OpenSessionRequest: MessageTypeDefinition<_warpdrive_v1_OpenSessionRequest, _warpdrive_v1_OpenSessionRequest__Output>
      OpenSessionResponse: MessageTypeDefinition<_warpdrive_v1_OpenSessionResponse, _warpdrive_v1_OpenSessionResponse__Output>
      Operation: EnumTypeDefinition
      Output: MessageTypeDefinition<_warpdrive_v1_Output, _warpdrive_v1_Output__Output>
      Part: MessageTypeDefinition<_warpdrive_v1_Part, _warpdrive_v1_Part__Output>
      Process: MessageTypeDefinition<_warpdrive_v1_Process, _warpdrive_v1_Process__Output>
      Queue: MessageTypeDefinition<_warpdrive_v1_Queue, _warpdrive_v1_Queue__Output>
      QueueMode: EnumTypeDefinition
      Ran: EnumTypeDefinition
      ReadRegionRequest: MessageTypeDefinition<_warpdrive_v1_ReadRegionRequest, _warpdrive_v1_ReadRegionRequest__Output>
      ReadRegionResponse: MessageTypeDefinition<_warpdrive_v1_ReadRegionResponse, _warpdrive_v1_ReadRegionResponse__Output>
      RegionRange: MessageTypeDefinition<_warpdrive_v1_RegionRange, _warpdrive_v1_RegionRange__Output>
      ReleaseQueueRequest: MessageTypeDefinition<_warpdrive_v1_ReleaseQueueRequest, _warpdrive_v1_ReleaseQueueRequest__Output>
      ReleaseQueueResponse: MessageTypeDefinition<_warpdrive_v1_ReleaseQueueResponse, _warpdrive_v1_ReleaseQueueResponse__Output>
      ReleaseRegionRequest: MessageTypeDefinition<_warpdrive_v1_ReleaseRegionRequest, _warpdrive_v1_ReleaseRegionRequest__Output>
      ReleaseRegionResponse: MessageTypeDefinition<_warpdrive_v1_ReleaseRegionResponse, _warpdrive_v1_ReleaseRegionResponse__Output>
      ReloadRequest: MessageTypeDefinition<_warpdrive_v1_ReloadRequest, _warpdrive_v1_ReloadRequest__Output>
      ReloadResponse: MessageTypeDefinition<_warpdrive_v1_ReloadResponse, _warpdrive_v1_ReloadResponse__Output>
      Request: MessageTypeDefinition<_warpdrive_v1_Request, _warpdrive_v1_Request__Output>
      RequestQueueRequest: MessageTypeDefinition<_warpdrive_v1_RequestQueueRequest, _warpdrive_v1_RequestQueueRequest__Output>
      RequestQueueResponse: MessageTypeDefinition<_warpdrive_v1_RequestQueueResponse, _warpdrive_v1_RequestQueueResponse__Output>
      ResumeChannelRequest: MessageTypeDefinition<_warpdrive_v1_ResumeChannelRequest, _warpdrive_v1_ResumeChannelRequest__Output>
      ResumeChannelResponse: MessageTypeDefinition<_warpdrive_v1_ResumeChannelResponse, _warpdrive_v1_ResumeChannelResponse__Output>
      RevokeLeaseRequest: MessageTypeDefinition<_warpdrive_v1_RevokeLeaseRequest, _warpdrive_v1_RevokeLeaseRequest__Output>
      RevokeLeaseResponse: MessageTypeDefinition<_warpdrive_v1_RevokeLeaseResponse, _warpdrive_v1_RevokeLeaseResponse__Output>
      ShareRegionRequest: MessageTypeDefinition<_warpdrive_v1_ShareRegionRequest, _warpdrive_v1_ShareRegionRequest__Output>
      ShareRegionResponse: MessageTypeDefinition<_warpdrive_v1_ShareRegionResponse, _warpdrive_v1_ShareRegionResponse__Output>
      Tenant: MessageTypeDefinition<_warpdrive_v1_Tenant, _warpdrive_v1_Tenant__Output>
      Transport: EnumTypeDefinition
      Usage: MessageTypeDefinition<_warpdrive_v1_Usage, _warpdrive_v1_Usage__Output>
      WaitingCall: MessageTypeDefinition<_warpdrive_v1_WaitingCall, _warpdrive_v1_WaitingCall__Output>
      WriteRegionRequest: MessageTypeDefinition<_warpdrive_v1_WriteRegionRequest, _warpdrive_v1_WriteRegionRequest__Output>
      WriteRegionResponse: MessageTypeDefinition<_warpdrive_v1_WriteRegionResponse, _warpdrive_v1_WriteRegionResponse__Output>
    }
  }
}

