// Original file: proto/warpdrive/v1/warpdrive.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CloseChannelRequest as _warpdrive_v1_CloseChannelRequest, CloseChannelRequest__Output as _warpdrive_v1_CloseChannelRequest__Output } from '../../warpdrive/v1/CloseChannelRequest.ts';
import type { CloseChannelResponse as _warpdrive_v1_CloseChannelResponse, CloseChannelResponse__Output as _warpdrive_v1_CloseChannelResponse__Output } from '../../warpdrive/v1/CloseChannelResponse.ts';
import type { CloseSessionRequest as _warpdrive_v1_CloseSessionRequest, CloseSessionRequest__Output as _warpdrive_v1_CloseSessionRequest__Output } from '../../warpdrive/v1/CloseSessionRequest.ts';
import type { CloseSessionResponse as _warpdrive_v1_CloseSessionResponse, CloseSessionResponse__Output as _warpdrive_v1_CloseSessionResponse__Output } from '../../warpdrive/v1/CloseSessionResponse.ts';
import type { ExchangeRequest as _warpdrive_v1_ExchangeRequest, ExchangeRequest__Output as _warpdrive_v1_ExchangeRequest__Output } from '../../warpdrive/v1/ExchangeRequest.ts';
import type { ExchangeResponse as _warpdrive_v1_ExchangeResponse, ExchangeResponse__Output as _warpdrive_v1_ExchangeResponse__Output } from '../../warpdrive/v1/ExchangeResponse.ts';
import type { GetStatusRequest as _warpdrive_v1_GetStatusRequest, GetStatusRequest__Output as _warpdrive_v1_GetStatusRequest__Output } from '../../warpdrive/v1/GetStatusRequest.ts';
import type { GetStatusResponse as _warpdrive_v1_GetStatusResponse, GetStatusResponse__Output as _warpdrive_v1_GetStatusResponse__Output } from '../../warpdrive/v1/GetStatusResponse.ts';
import type { ListDevicesRequest as _warpdrive_v1_ListDevicesRequest, ListDevicesRequest__Output as _warpdrive_v1_ListDevicesRequest__Output } from '../../warpdrive/v1/ListDevicesRequest.ts';
import type { ListDevicesResponse as _warpdrive_v1_ListDevicesResponse, ListDevicesResponse__Output as _warpdrive_v1_ListDevicesResponse__Output } from '../../warpdrive/v1/ListDevicesResponse.ts';
import type { ListQueuesRequest as _warpdrive_v1_ListQueuesRequest, ListQueuesRequest__Output as _warpdrive_v1_ListQueuesRequest__Output } from '../../warpdrive/v1/ListQueuesRequest.ts';
import type { ListQueuesResponse as _warpdrive_v1_ListQueuesResponse, ListQueuesResponse__Output as _warpdrive_v1_ListQueuesResponse__Output } from '../../warpdrive/v1/ListQueuesResponse.ts';
import type { MapRegionRequest as _warpdrive_v1_MapRegionRequest, MapRegionRequest__Output as _warpdrive_v1_MapRegionRequest__Output } from '../../warpdrive/v1/MapRegionRequest.ts';
import type { MapRegionResponse as _warpdrive_v1_MapRegionResponse, MapRegionResponse__Output as _warpdrive_v1_MapRegionResponse__Output } from '../../warpdrive/v1/MapRegionResponse.ts';
import type { OpenChannelRequest as _warpdrive_v1_OpenChannelRequest, OpenChannelRequest__Output as _warpdrive_v1_OpenChannelRequest__Output } from '../../warpdrive/v1/OpenChannelRequest.ts';
import type { OpenChannelResponse as _warpdrive_v1_OpenChannelResponse, OpenChannelResponse__Output as _warpdrive_v1_OpenChannelResponse__Output } from '../../warpdrive/v1/OpenChannelResponse.ts';
import type { OpenSessionRequest as _warpdrive_v1_OpenSessionRequest, OpenSessionRequest__Output as _warpdrive_v1_OpenSessionRequest__Output } from '../../warpdrive/v1/OpenSessionRequest.ts';
import type { OpenSessionResponse as _warpdrive_v1_OpenSessionResponse, OpenSessionResponse__Output as _warpdrive_v1_OpenSessionResponse__Output } from '../../warpdrive/v1/OpenSessionResponse.ts';
import type { ReadRegionRequest as _warpdrive_v1_ReadRegionRequest, ReadRegionRequest__Output as _warpdrive_v1_ReadRegionRequest__Output } from '../../warpdrive/v1/ReadRegionRequest.ts';
import type { ReadRegionResponse as _warpdrive_v1_ReadRegionResponse, ReadRegionResponse__Output as _warpdrive_v1_ReadRegionResponse__Output } from '../../warpdrive/v1/ReadRegionResponse.ts';
import type { ReleaseQueueRequest as _warpdrive_v1_ReleaseQueueRequest, ReleaseQueueRequest__Output as _warpdrive_v1_ReleaseQueueRequest__Output } from '../../warpdrive/v1/ReleaseQueueRequest.ts';
import type { ReleaseQueueResponse as _warpdrive_v1_ReleaseQueueResponse, ReleaseQueueResponse__Output as _warpdrive_v1_ReleaseQueueResponse__Output } from '../../warpdrive/v1/ReleaseQueueResponse.ts';
import type { ReleaseRegionRequest as _warpdrive_v1_ReleaseRegionRequest, ReleaseRegionRequest__Output as _warpdrive_v1_ReleaseRegionRequest__Output } from '../../warpdrive/v1/ReleaseRegionRequest.ts';
import type { ReleaseRegionResponse as _warpdrive_v1_ReleaseRegionResponse, ReleaseRegionResponse__Output as _warpdrive_v1_ReleaseRegionResponse__Output } from '../../warpdrive/v1/ReleaseRegionResponse.ts';
import type { RequestQueueRequest as _warpdrive_v1_RequestQueueRequest, RequestQueueRequest__Output as _warpdrive_v1_RequestQueueRequest__Output } from '../../warpdrive/v1/RequestQueueRequest.ts';
import type { RequestQueueResponse as _warpdrive_v1_RequestQueueResponse, RequestQueueResponse__Output as _warpdrive_v1_RequestQueueResponse__Output } from '../../warpdrive/v1/RequestQueueResponse.ts';
import type { ResumeChannelRequest as _warpdrive_v1_ResumeChannelRequest, ResumeChannelRequest__Output as _warpdrive_v1_ResumeChannelRequest__Output } from '../../warpdrive/v1/ResumeChannelRequest.ts';
import type { ResumeChannelResponse as _warpdrive_v1_ResumeChannelResponse, ResumeChannelResponse__Output as _warpdrive_v1_ResumeChannelResponse__Output } from '../../warpdrive/v1/ResumeChannelResponse.ts';
import type { ShareRegionRequest as _warpdrive_v1_ShareRegionRequest, ShareRegionRequest__Output as _warpdrive_v1_ShareRegionRequest__Output } from '../../warpdrive/v1/ShareRegionRequest.ts';
import type { ShareRegionResponse as _warpdrive_v1_ShareRegionResponse, ShareRegionResponse__Output as _warpdrive_v1_ShareRegionResponse__Output } from '../../warpdrive/v1/ShareRegionResponse.ts';
import type { WriteRegionRequest as _warpdrive_v1_WriteRegionRequest, WriteRegionRequest__Output as _warpdrive_v1_WriteRegionRequest__Output } from '../../warpdrive/v1/WriteRegionRequest.ts';
import type { WriteRegionResponse as _warpdrive_v1_WriteRegionResponse, WriteRegionResponse__Output as _warpdrive_v1_WriteRegionResponse__Output } from '../../warpdrive/v1/WriteRegionResponse.ts';

export interface BrokerClient extends grpc.Client {
  CloseChannel(argument: _warpdrive_v1_CloseChannelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_CloseChannelResponse__Output>): grpc.ClientUnaryCall;
  CloseChannel(argument: _warpdrive_v1_CloseChannelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_CloseChannelResponse__Output>): grpc.ClientUnaryCall;
  CloseChannel(argument: _warpdrive_v1_CloseChannelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_CloseChannelResponse__Output>): grpc.ClientUnaryCall;
  CloseChannel(argument: _warpdrive_v1_CloseChannelRequest, callback: grpc.requestCallback<_warpdrive_v1_CloseChannelResponse__Output>): grpc.ClientUnaryCall;
  closeChannel(argument: _warpdrive_v1_CloseChannelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_CloseChannelResponse__Output>): grpc.ClientUnaryCall;
  closeChannel(argument: _warpdrive_v1_CloseChannelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_CloseChannelResponse__Output>): grpc.ClientUnaryCall;
  closeChannel(argument: _warpdrive_v1_CloseChannelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_CloseChannelResponse__Output>): grpc.ClientUnaryCall;
  closeChannel(argument: _warpdrive_v1_CloseChannelRequest, callback: grpc.requestCallback<_warpdrive_v1_CloseChannelResponse__Output>): grpc.ClientUnaryCall;
  
  CloseSession(argument: _warpdrive_v1_CloseSessionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_CloseSessionResponse__Output>): grpc.ClientUnaryCall;
  CloseSession(argument: _warpdrive_v1_CloseSessionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_CloseSessionResponse__Output>): grpc.ClientUnaryCall;
  CloseSession(argument: _warpdrive_v1_CloseSessionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_CloseSessionResponse__Output>): grpc.ClientUnaryCall;
  CloseSession(argument: _warpdrive_v1_CloseSessionRequest, callback: grpc.requestCallback<_warpdrive_v1_CloseSessionResponse__Output>): grpc.ClientUnaryCall;
  closeSession(argument: _warpdrive_v1_CloseSessionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_CloseSessionResponse__Output>): grpc.ClientUnaryCall;
  closeSession(argument: _warpdrive_v1_CloseSessionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_CloseSessionResponse__Output>): grpc.ClientUnaryCall;
  closeSession(argument: _warpdrive_v1_CloseSessionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_CloseSessionResponse__Output>): grpc.ClientUnaryCall;
  closeSession(argument: _warpdrive_v1_CloseSessionRequest, callback: grpc.requestCallback<_warpdrive_v1_CloseSessionResponse__Output>): grpc.ClientUnaryCall;
  
  Exchange(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_warpdrive_v1_ExchangeRequest, _warpdrive_v1_ExchangeResponse__Output>;
  Exchange(options?: grpc.CallOptions): grpc.ClientDuplexStream<_warpdrive_v1_ExchangeRequest, _warpdrive_v1_ExchangeResponse__Output>;
  exchange(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_warpdrive_v1_ExchangeRequest, _warpdrive_v1_ExchangeResponse__Output>;
  exchange(options?: grpc.CallOptions): grpc.ClientDuplexStream<_warpdrive_v1_ExchangeRequest, _warpdrive_v1_ExchangeResponse__Output>;
  
  GetStatus(argument: _warpdrive_v1_GetStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _warpdrive_v1_GetStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _warpdrive_v1_GetStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  GetStatus(argument: _warpdrive_v1_GetStatusRequest, callback: grpc.requestCallback<_warpdrive_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _warpdrive_v1_GetStatusRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _warpdrive_v1_GetStatusRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _warpdrive_v1_GetStatusRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  getStatus(argument: _warpdrive_v1_GetStatusRequest, callback: grpc.requestCallback<_warpdrive_v1_GetStatusResponse__Output>): grpc.ClientUnaryCall;
  
  ListDevices(argument: _warpdrive_v1_ListDevicesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListDevicesResponse__Output>): grpc.ClientUnaryCall;
  ListDevices(argument: _warpdrive_v1_ListDevicesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ListDevicesResponse__Output>): grpc.ClientUnaryCall;
  ListDevices(argument: _warpdrive_v1_ListDevicesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListDevicesResponse__Output>): grpc.ClientUnaryCall;
  ListDevices(argument: _warpdrive_v1_ListDevicesRequest, callback: grpc.requestCallback<_warpdrive_v1_ListDevicesResponse__Output>): grpc.ClientUnaryCall;
  listDevices(argument: _warpdrive_v1_ListDevicesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListDevicesResponse__Output>): grpc.ClientUnaryCall;
  listDevices(argument: _warpdrive_v1_ListDevicesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ListDevicesResponse__Output>): grpc.ClientUnaryCall;
  listDevices(argument: _warpdrive_v1_ListDevicesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListDevicesResponse__Output>): grpc.ClientUnaryCall;
  listDevices(argument: _warpdrive_v1_ListDevicesRequest, callback: grpc.requestCallback<_warpdrive_v1_ListDevicesResponse__Output>): grpc.ClientUnaryCall;
  
  ListQueues(argument: _warpdrive_v1_ListQueuesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListQueuesResponse__Output>): grpc.ClientUnaryCall;
  ListQueues(argument: _warpdrive_v1_ListQueuesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ListQueuesResponse__Output>): grpc.ClientUnaryCall;
  ListQueues(argument: _warpdrive_v1_ListQueuesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListQueuesResponse__Output>): grpc.ClientUnaryCall;
  ListQueues(argument: _warpdrive_v1_ListQueuesRequest, callback: grpc.requestCallback<_warpdrive_v1_ListQueuesResponse__Output>): grpc.ClientUnaryCall;
  listQueues(argument: _warpdrive_v1_ListQueuesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListQueuesResponse__Output>): grpc.ClientUnaryCall;
  listQueues(argument: _warpdrive_v1_ListQueuesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ListQueuesResponse__Output>): grpc.ClientUnaryCall;
  listQueues(argument: _warpdrive_v1_ListQueuesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ListQueuesResponse__Output>): grpc.ClientUnaryCall;
  listQueues(argument: _warpdrive_v1_ListQueuesRequest, callback: grpc.requestCallback<_warpdrive_v1_ListQueuesResponse__Output>): grpc.ClientUnaryCall;
  
  MapRegion(argument: _warpdrive_v1_MapRegionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_MapRegionResponse__Output>): grpc.ClientUnaryCall;
  MapRegion(argument: _warpdrive_v1_MapRegionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_MapRegionResponse__Output>): grpc.ClientUnaryCall;
  MapRegion(argument: _warpdrive_v1_MapRegionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_MapRegionResponse__Output>): grpc.ClientUnaryCall;
  MapRegion(argument: _warpdrive_v1_MapRegionRequest, callback: grpc.requestCallback<_warpdrive_v1_MapRegionResponse__Output>): grpc.ClientUnaryCall;
  mapRegion(argument: _warpdrive_v1_MapRegionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_MapRegionResponse__Output>): grpc.ClientUnaryCall;
  mapRegion(argument: _warpdrive_v1_MapRegionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_MapRegionResponse__Output>): grpc.ClientUnaryCall;
  mapRegion(argument: _warpdrive_v1_MapRegionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_MapRegionResponse__Output>): grpc.ClientUnaryCall;
  mapRegion(argument: _warpdrive_v1_MapRegionRequest, callback: grpc.requestCallback<_warpdrive_v1_MapRegionResponse__Output>): grpc.ClientUnaryCall;
  
  OpenChannel(argument: _warpdrive_v1_OpenChannelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_OpenChannelResponse__Output>): grpc.ClientUnaryCall;
  OpenChannel(argument: _warpdrive_v1_OpenChannelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_OpenChannelResponse__Output>): grpc.ClientUnaryCall;
  OpenChannel(argument: _warpdrive_v1_OpenChannelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_OpenChannelResponse__Output>): grpc.ClientUnaryCall;
  OpenChannel(argument: _warpdrive_v1_OpenChannelRequest, callback: grpc.requestCallback<_warpdrive_v1_OpenChannelResponse__Output>): grpc.ClientUnaryCall;
  openChannel(argument: _warpdrive_v1_OpenChannelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_OpenChannelResponse__Output>): grpc.ClientUnaryCall;
  openChannel(argument: _warpdrive_v1_OpenChannelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_OpenChannelResponse__Output>): grpc.ClientUnaryCall;
  openChannel(argument: _warpdrive_v1_OpenChannelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_OpenChannelResponse__Output>): grpc.ClientUnaryCall;
  openChannel(argument: _warpdrive_v1_OpenChannelRequest, callback: grpc.requestCallback<_warpdrive_v1_OpenChannelResponse__Output>): grpc.ClientUnaryCall;
  
  OpenSession(argument: _warpdrive_v1_OpenSessionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_OpenSessionResponse__Output>): grpc.ClientUnaryCall;
  OpenSession(argument: _warpdrive_v1_OpenSessionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_OpenSessionResponse__Output>): grpc.ClientUnaryCall;
  OpenSession(argument: _warpdrive_v1_OpenSessionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_OpenSessionResponse__Output>): grpc.ClientUnaryCall;
  OpenSession(argument: _warpdrive_v1_OpenSessionRequest, callback: grpc.requestCallback<_warpdrive_v1_OpenSessionResponse__Output>): grpc.ClientUnaryCall;
  openSession(argument: _warpdrive_v1_OpenSessionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_OpenSessionResponse__Output>): grpc.ClientUnaryCall;
  openSession(argument: _warpdrive_v1_OpenSessionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_OpenSessionResponse__Output>): grpc.ClientUnaryCall;
  openSession(argument: _warpdrive_v1_OpenSessionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_OpenSessionResponse__Output>): grpc.ClientUnaryCall;
  openSession(argument: _warpdrive_v1_OpenSessionRequest, callback: grpc.requestCallback<_warpdrive_v1_OpenSessionResponse__Output>): grpc.ClientUnaryCall;
  
  ReadRegion(argument: _warpdrive_v1_ReadRegionRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_warpdrive_v1_ReadRegionResponse__Output>;
  ReadRegion(argument: _warpdrive_v1_ReadRegionRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_warpdrive_v1_ReadRegionResponse__Output>;
  readRegion(argument: _warpdrive_v1_ReadRegionRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_warpdrive_v1_ReadRegionResponse__Output>;
  readRegion(argument: _warpdrive_v1_ReadRegionRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_warpdrive_v1_ReadRegionResponse__Output>;
  
  ReleaseQueue(argument: _warpdrive_v1_ReleaseQueueRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ReleaseQueueResponse__Output>): grpc.ClientUnaryCall;
  ReleaseQueue(argument: _warpdrive_v1_ReleaseQueueRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ReleaseQueueResponse__Output>): grpc.ClientUnaryCall;
  ReleaseQueue(argument: _warpdrive_v1_ReleaseQueueRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ReleaseQueueResponse__Output>): grpc.ClientUnaryCall;
  ReleaseQueue(argument: _warpdrive_v1_ReleaseQueueRequest, callback: grpc.requestCallback<_warpdrive_v1_ReleaseQueueResponse__Output>): grpc.ClientUnaryCall;
  releaseQueue(argument: _warpdrive_v1_ReleaseQueueRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ReleaseQueueResponse__Output>): grpc.ClientUnaryCall;
  releaseQueue(argument: _warpdrive_v1_ReleaseQueueRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ReleaseQueueResponse__Output>): grpc.ClientUnaryCall;
  releaseQueue(argument: _warpdrive_v1_ReleaseQueueRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ReleaseQueueResponse__Output>): grpc.ClientUnaryCall;
  releaseQueue(argument: _warpdrive_v1_ReleaseQueueRequest, callback: grpc.requestCallback<_warpdrive_v1_ReleaseQueueResponse__Output>): grpc.ClientUnaryCall;
  
  ReleaseRegion(argument: _warpdrive_v1_ReleaseRegionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ReleaseRegionResponse__Output>): grpc.ClientUnaryCall;
  ReleaseRegion(argument: _warpdrive_v1_ReleaseRegionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ReleaseRegionResponse__Output>): grpc.ClientUnaryCall;
  ReleaseRegion(argument: _warpdrive_v1_ReleaseRegionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ReleaseRegionResponse__Output>): grpc.ClientUnaryCall;
  ReleaseRegion(argument: _warpdrive_v1_ReleaseRegionRequest, callback: grpc.requestCallback<_warpdrive_v1_ReleaseRegionResponse__Output>): grpc.ClientUnaryCall;
  releaseRegion(argument: _warpdrive_v1_ReleaseRegionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ReleaseRegionResponse__Output>): grpc.ClientUnaryCall;
  releaseRegion(argument: _warpdrive_v1_ReleaseRegionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ReleaseRegionResponse__Output>): grpc.ClientUnaryCall;
  releaseRegion(argument: _warpdrive_v1_ReleaseRegionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ReleaseRegionResponse__Output>): grpc.ClientUnaryCall;
  releaseRegion(argument: _warpdrive_v1_ReleaseRegionRequest, callback: grpc.requestCallback<_warpdrive_v1_ReleaseRegionResponse__Output>): grpc.ClientUnaryCall;
  
  RequestQueue(argument: _warpdrive_v1_RequestQueueRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_RequestQueueResponse__Output>): grpc.ClientUnaryCall;
  RequestQueue(argument: _warpdrive_v1_RequestQueueRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_RequestQueueResponse__Output>): grpc.ClientUnaryCall;
  RequestQueue(argument: _warpdrive_v1_RequestQueueRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_RequestQueueResponse__Output>): grpc.ClientUnaryCall;
  RequestQueue(argument: _warpdrive_v1_RequestQueueRequest, callback: grpc.requestCallback<_warpdrive_v1_RequestQueueResponse__Output>): grpc.ClientUnaryCall;
  requestQueue(argument: _warpdrive_v1_RequestQueueRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_RequestQueueResponse__Output>): grpc.ClientUnaryCall;
  requestQueue(argument: _warpdrive_v1_RequestQueueRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_RequestQueueResponse__Output>): grpc.ClientUnaryCall;
  requestQueue(argument: _warpdrive_v1_RequestQueueRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_RequestQueueResponse__Output>): grpc.ClientUnaryCall;
  requestQueue(argument: _warpdrive_v1_RequestQueueRequest, callback: grpc.requestCallback<_warpdrive_v1_RequestQueueResponse__Output>): grpc.ClientUnaryCall;
  
  ResumeChannel(argument: _warpdrive_v1_ResumeChannelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ResumeChannelResponse__Output>): grpc.ClientUnaryCall;
  ResumeChannel(argument: _warpdrive_v1_ResumeChannelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ResumeChannelResponse__Output>): grpc.ClientUnaryCall;
  ResumeChannel(argument: _warpdrive_v1_ResumeChannelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ResumeChannelResponse__Output>): grpc.ClientUnaryCall;
  ResumeChannel(argument: _warpdrive_v1_ResumeChannelRequest, callback: grpc.requestCallback<_warpdrive_v1_ResumeChannelResponse__Output>): grpc.ClientUnaryCall;
  resumeChannel(argument: _warpdrive_v1_ResumeChannelRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ResumeChannelResponse__Output>): grpc.ClientUnaryCall;
  resumeChannel(argument: _warpdrive_v1_ResumeChannelRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ResumeChannelResponse__Output>): grpc.ClientUnaryCall;
  resumeChannel(argument: _warpdrive_v1_ResumeChannelRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ResumeChannelResponse__Output>): grpc.ClientUnaryCall;
  resumeChannel(argument: _warpdrive_v1_ResumeChannelRequest, callback: grpc.requestCallback<_warpdrive_v1_ResumeChannelResponse__Output>): grpc.ClientUnaryCall;
  
  ShareRegion(argument: _warpdrive_v1_ShareRegionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ShareRegionResponse__Output>): grpc.ClientUnaryCall;
  ShareRegion(argument: _warpdrive_v1_ShareRegionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ShareRegionResponse__Output>): grpc.ClientUnaryCall;
  ShareRegion(argument: _warpdrive_v1_ShareRegionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ShareRegionResponse__Output>): grpc.ClientUnaryCall;
  ShareRegion(argument: _warpdrive_v1_ShareRegionRequest, callback: grpc.requestCallback<_warpdrive_v1_ShareRegionResponse__Output>): grpc.ClientUnaryCall;
  shareRegion(argument: _warpdrive_v1_ShareRegionRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ShareRegionResponse__Output>): grpc.ClientUnaryCall;
  shareRegion(argument: _warpdrive_v1_ShareRegionRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_ShareRegionResponse__Output>): grpc.ClientUnaryCall;
  shareRegion(argument: _warpdrive_v1_ShareRegionRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_ShareRegionResponse__Output>): grpc.ClientUnaryCall;
  shareRegion(argument: _warpdrive_v1_ShareRegionRequest, callback: grpc.requestCallback<_warpdrive_v1_ShareRegionResponse__Output>): grpc.ClientUnaryCall;
  
  WriteRegion(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_WriteRegionResponse__Output>): grpc.ClientWritableStream<_warpdrive_v1_WriteRegionRequest>;
  WriteRegion(metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_WriteRegionResponse__Output>): grpc.ClientWritableStream<_warpdrive_v1_WriteRegionRequest>;
  WriteRegion(options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_WriteRegionResponse__Output>): grpc.ClientWritableStream<_warpdrive_v1_WriteRegionRequest>;
  WriteRegion(callback: grpc.requestCallback<_warpdrive_v1_WriteRegionResponse__Output>): grpc.ClientWritableStream<_warpdrive_v1_WriteRegionRequest>;
  writeRegion(metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_WriteRegionResponse__Output>): grpc.ClientWritableStream<_warpdrive_v1_WriteRegionRequest>;
  writeRegion(metadata: grpc.Metadata, callback: grpc.requestCallback<_warpdrive_v1_WriteRegionResponse__Output>): grpc.ClientWritableStream<_warpdrive_v1_WriteRegionRequest>;
  writeRegion(options: grpc.CallOptions, callback: grpc.requestCallback<_warpdrive_v1_WriteRegionResponse__Output>): grpc.ClientWritableStream<_warpdrive_v1_WriteRegionRequest>;
  writeRegion(callback: grpc.requestCallback<_warpdrive_v1_WriteRegionResponse__Output>): grpc.ClientWritableStream<_warpdrive_v1_WriteRegionRequest>;
  
}

export interface BrokerHandlers extends grpc.UntypedServiceImplementation {
  CloseChannel: grpc.handleUnaryCall<_warpdrive_v1_CloseChannelRequest__Output, _warpdrive_v1_CloseChannelResponse>;
  
  CloseSession: grpc.handleUnaryCall<_warpdrive_v1_CloseSessionRequest__Output, _warpdrive_v1_CloseSessionResponse>;
  
  Exchange: grpc.handleBidiStreamingCall<_warpdrive_v1_ExchangeRequest__Output, _warpdrive_v1_ExchangeResponse>;
  
  GetStatus: grpc.handleUnaryCall<_warpdrive_v1_GetStatusRequest__Output, _warpdrive_v1_GetStatusResponse>;
  
  ListDevices: grpc.handleUnaryCall<_warpdrive_v1_ListDevicesRequest__Output, _warpdrive_v1_ListDevicesResponse>;
  
  ListQueues: grpc.handleUnaryCall<_warpdrive_v1_ListQueuesRequest__Output, _warpdrive_v1_ListQueuesResponse>;
  
  MapRegion: grpc.handleUnaryCall<_warpdrive_v1_MapRegionRequest__Output, _warpdrive_v1_MapRegionResponse>;
  
  OpenChannel: grpc.handleUnaryCall<_warpdrive_v1_OpenChannelRequest__Output, _warpdrive_v1_OpenChannelResponse>;
  
  OpenSession: grpc.handleUnaryCall<_warpdrive_v1_OpenSessionRequest__Output, _warpdrive_v1_OpenSessionResponse>;
  
  ReadRegion: grpc.handleServerStreamingCall<_warpdrive_v1_ReadRegionRequest__Output, _warpdrive_v1_ReadRegionResponse>;
  
  ReleaseQueue: grpc.handleUnaryCall<_warpdrive_v1_ReleaseQueueRequest__Output, _warpdrive_v1_ReleaseQueueResponse>;
  
  ReleaseRegion: grpc.handleUnaryCall<_warpdrive_v1_ReleaseRegionRequest__Output, _warpdrive_v1_ReleaseRegionResponse>;
  
  RequestQueue: grpc.handleUnaryCall<_warpdrive_v1_RequestQueueRequest__Output, _warpdrive_v1_RequestQueueResponse>;
  
  ResumeChannel: grpc.handleUnaryCall<_warpdrive_v1_ResumeChannelRequest__Output, _warpdrive_v1_ResumeChannelResponse>;
  
  ShareRegion: grpc.handleUnaryCall<_warpdrive_v1_ShareRegionRequest__Output, _warpdrive_v1_ShareRegionResponse>;
  
  WriteRegion: grpc.handleClientStreamingCall<_warpdrive_v1_WriteRegionRequest__Output, _warpdrive_v1_WriteRegionResponse>;
  
}

export interface BrokerDefinition extends grpc.ServiceDefinition {
  CloseChannel: MethodDefinition<_warpdrive_v1_CloseChannelRequest, _warpdrive_v1_CloseChannelResponse, _warpdrive_v1_CloseChannelRequest__Output, _warpdrive_v1_CloseChannelResponse__Output>
  CloseSession: MethodDefinition<_warpdrive_v1_CloseSessionRequest, _warpdrive_v1_CloseSessionResponse, _warpdrive_v1_CloseSessionRequest__Output, _warpdrive_v1_CloseSessionResponse__Output>
  Exchange: MethodDefinition<_warpdrive_v1_ExchangeRequest, _warpdrive_v1_ExchangeResponse, _warpdrive_v1_ExchangeRequest__Output, _warpdrive_v1_ExchangeResponse__Output>
  GetStatus: MethodDefinition<_warpdrive_v1_GetStatusRequest, _warpdrive_v1_GetStatusResponse, _warpdrive_v1_GetStatusRequest__Output, _warpdrive_v1_GetStatusResponse__Output>
  ListDevices: MethodDefinition<_warpdrive_v1_ListDevicesRequest, _warpdrive_v1_ListDevicesResponse, _warpdrive_v1_ListDevicesRequest__Output, _warpdrive_v1_ListDevicesResponse__Output>
  ListQueues: MethodDefinition<_warpdrive_v1_ListQueuesRequest, _warpdrive_v1_ListQueuesResponse, _warpdrive_v1_ListQueuesRequest__Output, _warpdrive_v1_ListQueuesResponse__Output>
  MapRegion: MethodDefinition<_warpdrive_v1_MapRegionRequest, _warpdrive_v1_MapRegionResponse, _warpdrive_v1_MapRegionRequest__Output, _warpdrive_v1_MapRegionResponse__Output>
  OpenChannel: MethodDefinition<_warpdrive_v1_OpenChannelRequest, _warpdrive_v1_OpenChannelResponse, _warpdrive_v1_OpenChannelRequest__Output, _warpdrive_v1_OpenChannelResponse__Output>
  OpenSession: MethodDefinition<_warpdrive_v1_OpenSessionRequest, _warpdrive_v1_OpenSessionResponse, _warpdrive_v1_OpenSessionRequest__Output, _warpdrive_v1_OpenSessionResponse__Output>
  ReadRegion: MethodDefinition<_warpdrive_v1_ReadRegionRequest, _warpdrive_v1_ReadRegionResponse, _warpdrive_v1_ReadRegionRequest__Output, _warpdrive_v1_ReadRegionResponse__Output>
  ReleaseQueue: MethodDefinition<_warpdrive_v1_ReleaseQueueRequest, _warpdrive_v1_ReleaseQueueResponse, _warpdrive_v1_ReleaseQueueRequest__Output, _warpdrive_v1_ReleaseQueueResponse__Output>
  ReleaseRegion: MethodDefinition<_warpdrive_v1_ReleaseRegionRequest, _warpdrive_v1_ReleaseRegionResponse, _warpdrive_v1_ReleaseRegionRequest__Output, _warpdrive_v1_ReleaseRegionResponse__Output>
  RequestQueue: MethodDefinition<_warpdrive_v1_RequestQueueRequest, _warpdrive_v1_RequestQueueResponse, _warpdrive_v1_RequestQueueRequest__Output, _warpdrive_v1_RequestQueueResponse__Output>
  ResumeChannel: MethodDefinition<_warpdrive_v1_ResumeChannelRequest, _warpdrive_v1_ResumeChannelResponse, _warpdrive_v1_ResumeChannelRequest__Output, _warpdrive_v1_ResumeChannelResponse__Output>
  ShareRegion: MethodDefinition<_warpdrive_v1_ShareRegionRequest, _warpdrive_v1_ShareRegionResponse, _warpdrive_v1_ShareRegionRequest__Output, _warpdrive_v1_ShareRegionResponse__Output>
  WriteRegion: MethodDefinition<_warpdrive_v1_WriteRegionRequest, _warpdrive_v1_WriteRegionResponse, _warpdrive_v1_WriteRegionRequest__Output, _warpdrive_v1_WriteRegionResponse__Output>
}
