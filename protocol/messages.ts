// The messages of the Mesos v1 API as TypeScript types; generated from proto/*.proto by generate.ts.

/** Bytes as canonical base64 text. */
export type Bytes = string

/** A 64-bit integer: a number while that is exact, a bigint beyond 2^53. */
export type Int64 = number | bigint

export interface Duration {
  readonly seconds?: Int64 | undefined
  readonly nanos?: number | undefined
}

export interface FrameworkID {
  readonly value: string
}

export interface OfferID {
  readonly value: string
}

export interface AgentID {
  readonly value: string
}

export interface TaskID {
  readonly value: string
}

export interface ExecutorID {
  readonly value: string
}

export interface ContainerID {
  readonly value: string
  readonly parent?: ContainerID | undefined
}

export interface ResourceProviderID {
  readonly value: string
}

export interface OperationID {
  readonly value: string
}

export interface TimeInfo {
  readonly nanoseconds: Int64
}

export interface DurationInfo {
  readonly nanoseconds: Int64
}

export interface Address {
  readonly hostname?: string | undefined
  readonly ip?: string | undefined
  readonly port: number
}

export interface URL {
  readonly scheme: string
  readonly address: Address
  readonly path?: string | undefined
  readonly query?: readonly Parameter[] | undefined
  readonly fragment?: string | undefined
}

export interface Unavailability {
  readonly start: TimeInfo
  readonly duration?: DurationInfo | undefined
}

export interface FrameworkInfo {
  readonly user: string
  readonly name: string
  readonly id?: FrameworkID | undefined
  /** Default 0. */
  readonly failover_timeout?: number | undefined
  /** Default false. */
  readonly checkpoint?: boolean | undefined
  /** Deprecated. Default *. */
  readonly role?: string | undefined
  readonly hostname?: string | undefined
  readonly principal?: string | undefined
  readonly webui_url?: string | undefined
  readonly capabilities?: readonly FrameworkInfoCapability[] | undefined
  readonly labels?: Labels | undefined
  readonly roles?: readonly string[] | undefined
  readonly offer_filters?: Readonly<Record<string, OfferFilters>> | undefined
}

export interface FrameworkInfoCapability {
  readonly type?: FrameworkInfoCapabilityType | undefined
}

export interface CheckInfo {
  readonly type?: CheckInfoType | undefined
  readonly command?: CheckInfoCommand | undefined
  readonly http?: CheckInfoHttp | undefined
  /** Default 15. */
  readonly delay_seconds?: number | undefined
  /** Default 10. */
  readonly interval_seconds?: number | undefined
  /** Default 20. */
  readonly timeout_seconds?: number | undefined
  readonly tcp?: CheckInfoTcp | undefined
}

export interface CheckInfoCommand {
  readonly command: CommandInfo
}

export interface CheckInfoHttp {
  readonly port: number
  readonly path?: string | undefined
}

export interface CheckInfoTcp {
  readonly port: number
}

export interface HealthCheck {
  readonly http?: HealthCheckHTTPCheckInfo | undefined
  /** Default 15. */
  readonly delay_seconds?: number | undefined
  /** Default 10. */
  readonly interval_seconds?: number | undefined
  /** Default 20. */
  readonly timeout_seconds?: number | undefined
  /** Default 3. */
  readonly consecutive_failures?: number | undefined
  /** Default 10. */
  readonly grace_period_seconds?: number | undefined
  readonly command?: CommandInfo | undefined
  readonly type?: HealthCheckType | undefined
  readonly tcp?: HealthCheckTCPCheckInfo | undefined
}

export interface HealthCheckHTTPCheckInfo {
  readonly port: number
  readonly path?: string | undefined
  readonly scheme?: string | undefined
  readonly statuses?: readonly number[] | undefined
  /** Default IPv4. */
  readonly protocol?: NetworkInfoProtocol | undefined
}

export interface HealthCheckTCPCheckInfo {
  readonly port: number
  /** Default IPv4. */
  readonly protocol?: NetworkInfoProtocol | undefined
}

export interface KillPolicy {
  readonly grace_period?: DurationInfo | undefined
}

export interface CommandInfo {
  readonly uris?: readonly CommandInfoURI[] | undefined
  readonly environment?: Environment | undefined
  readonly value?: string | undefined
  readonly user?: string | undefined
  /** Default true. */
  readonly shell?: boolean | undefined
  readonly arguments?: readonly string[] | undefined
}

export interface CommandInfoURI {
  readonly value: string
  readonly executable?: boolean | undefined
  /** Default true. */
  readonly extract?: boolean | undefined
  readonly cache?: boolean | undefined
  readonly output_file?: string | undefined
}

export interface ExecutorInfo {
  readonly executor_id: ExecutorID
  readonly data?: Bytes | undefined
  readonly resources?: readonly Resource[] | undefined
  readonly command?: CommandInfo | undefined
  readonly framework_id?: FrameworkID | undefined
  readonly name?: string | undefined
  /** Deprecated. */
  readonly source?: string | undefined
  readonly container?: ContainerInfo | undefined
  readonly discovery?: DiscoveryInfo | undefined
  readonly shutdown_grace_period?: DurationInfo | undefined
  readonly labels?: Labels | undefined
  readonly type?: ExecutorInfoType | undefined
}

export interface DomainInfo {
  readonly fault_domain?: DomainInfoFaultDomain | undefined
}

export interface DomainInfoFaultDomain {
  readonly region: DomainInfoFaultDomainRegionInfo
  readonly zone: DomainInfoFaultDomainZoneInfo
}

export interface DomainInfoFaultDomainRegionInfo {
  readonly name: string
}

export interface DomainInfoFaultDomainZoneInfo {
  readonly name: string
}

export interface MasterInfo {
  readonly id: string
  readonly ip: number
  /** Default 5050. */
  readonly port: number
  readonly pid?: string | undefined
  readonly hostname?: string | undefined
  readonly version?: string | undefined
  readonly address?: Address | undefined
  readonly domain?: DomainInfo | undefined
  readonly capabilities?: readonly MasterInfoCapability[] | undefined
}

export interface MasterInfoCapability {
  readonly type?: MasterInfoCapabilityType | undefined
}

export interface AgentInfo {
  readonly hostname: string
  readonly resources?: readonly Resource[] | undefined
  readonly attributes?: readonly Attribute[] | undefined
  readonly id?: AgentID | undefined
  /** Default 5051. */
  readonly port?: number | undefined
  readonly domain?: DomainInfo | undefined
}

export interface AgentInfoCapability {
  readonly type?: AgentInfoCapabilityType | undefined
}

export interface Attribute {
  readonly name: string
  readonly type: ValueType
  readonly scalar?: ValueScalar | undefined
  readonly ranges?: ValueRanges | undefined
  readonly text?: ValueText | undefined
  readonly set?: ValueSet | undefined
}

export interface Resource {
  readonly name: string
  readonly type: ValueType
  readonly scalar?: ValueScalar | undefined
  readonly ranges?: ValueRanges | undefined
  readonly set?: ValueSet | undefined
  /** Deprecated. Default *. */
  readonly role?: string | undefined
  readonly disk?: ResourceDiskInfo | undefined
  readonly reservation?: ResourceReservationInfo | undefined
  readonly revocable?: ResourceRevocableInfo | undefined
  readonly shared?: ResourceSharedInfo | undefined
  readonly allocation_info?: ResourceAllocationInfo | undefined
  readonly provider_id?: ResourceProviderID | undefined
  readonly reservations?: readonly ResourceReservationInfo[] | undefined
}

export interface ResourceAllocationInfo {
  readonly role?: string | undefined
}

export interface ResourceReservationInfo {
  readonly principal?: string | undefined
  readonly labels?: Labels | undefined
  readonly role?: string | undefined
  readonly type?: ResourceReservationInfoType | undefined
}

export interface ResourceDiskInfo {
  readonly persistence?: ResourceDiskInfoPersistence | undefined
  readonly volume?: Volume | undefined
  readonly source?: ResourceDiskInfoSource | undefined
}

export interface ResourceDiskInfoPersistence {
  readonly id: string
  readonly principal?: string | undefined
}

export interface ResourceDiskInfoSource {
  readonly type: ResourceDiskInfoSourceType
  readonly path?: ResourceDiskInfoSourcePath | undefined
  readonly mount?: ResourceDiskInfoSourceMount | undefined
  readonly id?: string | undefined
  readonly metadata?: Labels | undefined
  readonly profile?: string | undefined
  readonly vendor?: string | undefined
}

export interface ResourceDiskInfoSourcePath {
  readonly root?: string | undefined
}

export interface ResourceDiskInfoSourceMount {
  readonly root?: string | undefined
}

export type ResourceRevocableInfo = Readonly<Record<string, never>>

export type ResourceSharedInfo = Readonly<Record<string, never>>

export interface OfferFilters {
  readonly min_allocatable_resources?: OfferFiltersMinAllocatableResources | undefined
}

export interface OfferFiltersResourceQuantities {
  readonly quantities?: Readonly<Record<string, ValueScalar>> | undefined
}

export interface OfferFiltersMinAllocatableResources {
  readonly quantities?: readonly OfferFiltersResourceQuantities[] | undefined
}

export interface Request {
  readonly agent_id?: AgentID | undefined
  readonly resources?: readonly Resource[] | undefined
}

export interface Offer {
  readonly id: OfferID
  readonly framework_id: FrameworkID
  readonly agent_id: AgentID
  readonly hostname: string
  readonly resources?: readonly Resource[] | undefined
  readonly executor_ids?: readonly ExecutorID[] | undefined
  readonly attributes?: readonly Attribute[] | undefined
  readonly url?: URL | undefined
  readonly unavailability?: Unavailability | undefined
  readonly allocation_info?: ResourceAllocationInfo | undefined
  readonly domain?: DomainInfo | undefined
}

export interface OfferOperation {
  readonly type?: OfferOperationType | undefined
  readonly launch?: OfferOperationLaunch | undefined
  readonly reserve?: OfferOperationReserve | undefined
  readonly unreserve?: OfferOperationUnreserve | undefined
  readonly create?: OfferOperationCreate | undefined
  readonly destroy?: OfferOperationDestroy | undefined
  readonly launch_group?: OfferOperationLaunchGroup | undefined
  readonly id?: OperationID | undefined
  readonly grow_volume?: OfferOperationGrowVolume | undefined
  readonly shrink_volume?: OfferOperationShrinkVolume | undefined
  readonly create_disk?: OfferOperationCreateDisk | undefined
  readonly destroy_disk?: OfferOperationDestroyDisk | undefined
}

export interface OfferOperationLaunch {
  readonly task_infos?: readonly TaskInfo[] | undefined
}

export interface OfferOperationLaunchGroup {
  readonly executor: ExecutorInfo
  readonly task_group: TaskGroupInfo
}

export interface OfferOperationReserve {
  readonly resources?: readonly Resource[] | undefined
  readonly source?: readonly Resource[] | undefined
}

export interface OfferOperationUnreserve {
  readonly resources?: readonly Resource[] | undefined
}

export interface OfferOperationCreate {
  readonly volumes?: readonly Resource[] | undefined
}

export interface OfferOperationDestroy {
  readonly volumes?: readonly Resource[] | undefined
}

export interface OfferOperationGrowVolume {
  readonly volume: Resource
  readonly addition: Resource
}

export interface OfferOperationShrinkVolume {
  readonly volume: Resource
  readonly subtract: ValueScalar
}

export interface OfferOperationCreateDisk {
  readonly source: Resource
  readonly target_type: ResourceDiskInfoSourceType
  readonly target_profile?: string | undefined
}

export interface OfferOperationDestroyDisk {
  readonly source: Resource
}

export interface InverseOffer {
  readonly id: OfferID
  readonly url?: URL | undefined
  readonly framework_id: FrameworkID
  readonly agent_id?: AgentID | undefined
  readonly unavailability: Unavailability
  readonly resources?: readonly Resource[] | undefined
}

export interface TaskInfo {
  readonly name: string
  readonly task_id: TaskID
  readonly agent_id: AgentID
  readonly resources?: readonly Resource[] | undefined
  readonly executor?: ExecutorInfo | undefined
  readonly data?: Bytes | undefined
  readonly command?: CommandInfo | undefined
  readonly health_check?: HealthCheck | undefined
  readonly container?: ContainerInfo | undefined
  readonly labels?: Labels | undefined
  readonly discovery?: DiscoveryInfo | undefined
  readonly kill_policy?: KillPolicy | undefined
  readonly check?: CheckInfo | undefined
  readonly max_completion_time?: DurationInfo | undefined
  readonly limits?: Readonly<Record<string, ValueScalar>> | undefined
}

export interface TaskGroupInfo {
  readonly tasks?: readonly TaskInfo[] | undefined
}

export interface TaskResourceLimitation {
  readonly resources?: readonly Resource[] | undefined
}

export interface UUID {
  readonly value: Bytes
}

export interface OperationStatus {
  readonly operation_id?: OperationID | undefined
  readonly state: OperationState
  readonly message?: string | undefined
  readonly converted_resources?: readonly Resource[] | undefined
  readonly uuid?: UUID | undefined
  readonly agent_id?: AgentID | undefined
  readonly resource_provider_id?: ResourceProviderID | undefined
}

export interface CheckStatusInfo {
  readonly type?: CheckInfoType | undefined
  readonly command?: CheckStatusInfoCommand | undefined
  readonly http?: CheckStatusInfoHttp | undefined
  readonly tcp?: CheckStatusInfoTcp | undefined
}

export interface CheckStatusInfoCommand {
  readonly exit_code?: number | undefined
}

export interface CheckStatusInfoHttp {
  readonly status_code?: number | undefined
}

export interface CheckStatusInfoTcp {
  readonly succeeded?: boolean | undefined
}

export interface TaskStatus {
  readonly task_id: TaskID
  readonly state: TaskState
  readonly data?: Bytes | undefined
  readonly message?: string | undefined
  readonly agent_id?: AgentID | undefined
  readonly timestamp?: number | undefined
  readonly executor_id?: ExecutorID | undefined
  readonly healthy?: boolean | undefined
  readonly source?: TaskStatusSource | undefined
  readonly reason?: TaskStatusReason | undefined
  readonly uuid?: Bytes | undefined
  readonly labels?: Labels | undefined
  readonly container_status?: ContainerStatus | undefined
  readonly unreachable_time?: TimeInfo | undefined
  readonly check_status?: CheckStatusInfo | undefined
  readonly limitation?: TaskResourceLimitation | undefined
}

export interface Filters {
  /** Default 5. */
  readonly refuse_seconds?: number | undefined
}

export interface Environment {
  readonly variables?: readonly EnvironmentVariable[] | undefined
}

export interface EnvironmentVariable {
  readonly name: string
  readonly value?: string | undefined
  /** Default VALUE. */
  readonly type?: EnvironmentVariableType | undefined
  readonly secret?: Secret | undefined
}

export interface Parameter {
  readonly key: string
  readonly value: string
}

export interface Parameters {
  readonly parameter?: readonly Parameter[] | undefined
}

export interface Credential {
  readonly principal: string
  readonly secret?: string | undefined
}

export interface Secret {
  readonly type?: SecretType | undefined
  readonly reference?: SecretReference | undefined
  readonly value?: SecretValue | undefined
}

export interface SecretReference {
  readonly name: string
  readonly key?: string | undefined
}

export interface SecretValue {
  readonly data: Bytes
}

export interface Image {
  readonly type: ImageType
  readonly appc?: ImageAppc | undefined
  readonly docker?: ImageDocker | undefined
  /** Default true. */
  readonly cached?: boolean | undefined
}

export interface ImageAppc {
  readonly name: string
  readonly id?: string | undefined
  readonly labels?: Labels | undefined
}

export interface ImageDocker {
  readonly name: string
  /** Deprecated. */
  readonly credential?: Credential | undefined
  readonly config?: Secret | undefined
}

export interface MountPropagation {
  readonly mode?: MountPropagationMode | undefined
}

export interface Volume {
  readonly container_path: string
  readonly host_path?: string | undefined
  readonly mode: VolumeMode
  readonly image?: Image | undefined
  readonly source?: VolumeSource | undefined
}

export interface VolumeSource {
  readonly type?: VolumeSourceType | undefined
  readonly docker_volume?: VolumeSourceDockerVolume | undefined
  readonly sandbox_path?: VolumeSourceSandboxPath | undefined
  readonly secret?: Secret | undefined
  readonly host_path?: VolumeSourceHostPath | undefined
  readonly csi_volume?: VolumeSourceCSIVolume | undefined
}

export interface VolumeSourceDockerVolume {
  readonly driver?: string | undefined
  readonly name: string
  readonly driver_options?: Parameters | undefined
}

export interface VolumeSourceHostPath {
  readonly path: string
  readonly mount_propagation?: MountPropagation | undefined
}

export interface VolumeSourceSandboxPath {
  readonly type?: VolumeSourceSandboxPathType | undefined
  readonly path: string
}

export interface VolumeSourceCSIVolume {
  readonly plugin_name: string
  readonly static_provisioning?: VolumeSourceCSIVolumeStaticProvisioning | undefined
}

export interface VolumeSourceCSIVolumeVolumeCapability {
  /** One of `access_type`. */
  readonly block?: VolumeSourceCSIVolumeVolumeCapabilityBlockVolume | undefined
  /** One of `access_type`. */
  readonly mount?: VolumeSourceCSIVolumeVolumeCapabilityMountVolume | undefined
  readonly access_mode: VolumeSourceCSIVolumeVolumeCapabilityAccessMode
}

export type VolumeSourceCSIVolumeVolumeCapabilityBlockVolume = Readonly<Record<string, never>>

export interface VolumeSourceCSIVolumeVolumeCapabilityMountVolume {
  readonly fs_type?: string | undefined
  readonly mount_flags?: readonly string[] | undefined
}

export interface VolumeSourceCSIVolumeVolumeCapabilityAccessMode {
  readonly mode: VolumeSourceCSIVolumeVolumeCapabilityAccessModeMode
}

export interface VolumeSourceCSIVolumeStaticProvisioning {
  readonly volume_id: string
  readonly volume_capability: VolumeSourceCSIVolumeVolumeCapability
  readonly node_stage_secrets?: Readonly<Record<string, Secret>> | undefined
  readonly node_publish_secrets?: Readonly<Record<string, Secret>> | undefined
  readonly volume_context?: Readonly<Record<string, string>> | undefined
}

export interface NetworkInfo {
  readonly groups?: readonly string[] | undefined
  readonly labels?: Labels | undefined
  readonly ip_addresses?: readonly NetworkInfoIPAddress[] | undefined
  readonly name?: string | undefined
  readonly port_mappings?: readonly NetworkInfoPortMapping[] | undefined
}

export interface NetworkInfoIPAddress {
  /** Default IPv4. */
  readonly protocol?: NetworkInfoProtocol | undefined
  readonly ip_address?: string | undefined
}

export interface NetworkInfoPortMapping {
  readonly host_port: number
  readonly container_port: number
  readonly protocol?: string | undefined
}

export interface CapabilityInfo {
  readonly capabilities?: readonly CapabilityInfoCapability[] | undefined
}

export interface SeccompInfo {
  readonly profile_name?: string | undefined
  readonly unconfined?: boolean | undefined
}

export interface LinuxInfo {
  /** Deprecated. */
  readonly capability_info?: CapabilityInfo | undefined
  readonly bounding_capabilities?: CapabilityInfo | undefined
  readonly effective_capabilities?: CapabilityInfo | undefined
  readonly share_pid_namespace?: boolean | undefined
  readonly seccomp?: SeccompInfo | undefined
  readonly ipc_mode?: LinuxInfoIpcMode | undefined
  readonly shm_size?: number | undefined
  /** Default true. */
  readonly share_cgroups?: boolean | undefined
}

export interface RLimitInfo {
  readonly rlimits?: readonly RLimitInfoRLimit[] | undefined
}

export interface RLimitInfoRLimit {
  readonly type?: RLimitInfoRLimitType | undefined
  readonly hard?: Int64 | undefined
  readonly soft?: Int64 | undefined
}

export interface TTYInfo {
  readonly window_size?: TTYInfoWindowSize | undefined
}

export interface TTYInfoWindowSize {
  readonly rows: number
  readonly columns: number
}

export interface ContainerInfo {
  readonly type: ContainerInfoType
  readonly volumes?: readonly Volume[] | undefined
  readonly docker?: ContainerInfoDockerInfo | undefined
  readonly hostname?: string | undefined
  readonly mesos?: ContainerInfoMesosInfo | undefined
  readonly network_infos?: readonly NetworkInfo[] | undefined
  readonly linux_info?: LinuxInfo | undefined
  readonly rlimit_info?: RLimitInfo | undefined
  readonly tty_info?: TTYInfo | undefined
}

export interface ContainerInfoDockerInfo {
  readonly image: string
  /** Default HOST. */
  readonly network?: ContainerInfoDockerInfoNetwork | undefined
  readonly port_mappings?: readonly ContainerInfoDockerInfoPortMapping[] | undefined
  /** Default false. */
  readonly privileged?: boolean | undefined
  readonly parameters?: readonly Parameter[] | undefined
  readonly force_pull_image?: boolean | undefined
  /** Deprecated. */
  readonly volume_driver?: string | undefined
}

export interface ContainerInfoDockerInfoPortMapping {
  readonly host_port: number
  readonly container_port: number
  readonly protocol?: string | undefined
}

export interface ContainerInfoMesosInfo {
  readonly image?: Image | undefined
}

export interface ContainerStatus {
  readonly network_infos?: readonly NetworkInfo[] | undefined
  readonly cgroup_info?: CgroupInfo | undefined
  readonly executor_pid?: number | undefined
  readonly container_id?: ContainerID | undefined
}

export interface CgroupInfo {
  readonly net_cls?: CgroupInfoNetCls | undefined
}

export interface CgroupInfoNetCls {
  readonly classid?: number | undefined
}

export interface CgroupInfoBlkioValue {
  readonly op?: CgroupInfoBlkioOperation | undefined
  readonly value?: Int64 | undefined
}

export interface CgroupInfoBlkioStatistics {
  readonly cfq?: readonly CgroupInfoBlkioCFQStatistics[] | undefined
  readonly cfq_recursive?: readonly CgroupInfoBlkioCFQStatistics[] | undefined
  readonly throttling?: readonly CgroupInfoBlkioThrottlingStatistics[] | undefined
}

export interface CgroupInfoBlkioCFQStatistics {
  readonly device?: DeviceNumber | undefined
  readonly sectors?: Int64 | undefined
  readonly time?: Int64 | undefined
  readonly io_serviced?: readonly CgroupInfoBlkioValue[] | undefined
  readonly io_service_bytes?: readonly CgroupInfoBlkioValue[] | undefined
  readonly io_service_time?: readonly CgroupInfoBlkioValue[] | undefined
  readonly io_wait_time?: readonly CgroupInfoBlkioValue[] | undefined
  readonly io_merged?: readonly CgroupInfoBlkioValue[] | undefined
  readonly io_queued?: readonly CgroupInfoBlkioValue[] | undefined
}

export interface CgroupInfoBlkioThrottlingStatistics {
  readonly device?: DeviceNumber | undefined
  readonly io_serviced?: readonly CgroupInfoBlkioValue[] | undefined
  readonly io_service_bytes?: readonly CgroupInfoBlkioValue[] | undefined
}

export interface Labels {
  readonly labels?: readonly Label[] | undefined
}

export interface Label {
  readonly key: string
  readonly value?: string | undefined
}

export interface Port {
  readonly number: number
  readonly name?: string | undefined
  readonly protocol?: string | undefined
  readonly visibility?: DiscoveryInfoVisibility | undefined
  readonly labels?: Labels | undefined
}

export interface Ports {
  readonly ports?: readonly Port[] | undefined
}

export interface DiscoveryInfo {
  readonly visibility: DiscoveryInfoVisibility
  readonly name?: string | undefined
  readonly environment?: string | undefined
  readonly location?: string | undefined
  readonly version?: string | undefined
  readonly ports?: Ports | undefined
  readonly labels?: Labels | undefined
}

export interface MachineID {
  readonly hostname?: string | undefined
  readonly ip?: string | undefined
}

export interface CSIPluginContainerInfo {
  readonly services?: readonly CSIPluginContainerInfoService[] | undefined
  readonly command?: CommandInfo | undefined
  readonly resources?: readonly Resource[] | undefined
  readonly container?: ContainerInfo | undefined
}

export interface CSIPluginEndpoint {
  readonly csi_service: CSIPluginContainerInfoService
  readonly endpoint: string
}

export interface CSIPluginInfo {
  readonly type: string
  /** Default default. */
  readonly name?: string | undefined
  readonly containers?: readonly CSIPluginContainerInfo[] | undefined
  readonly endpoints?: readonly CSIPluginEndpoint[] | undefined
  readonly target_path_root?: string | undefined
  readonly target_path_exists?: boolean | undefined
}

export interface ResourceProviderInfo {
  readonly id?: ResourceProviderID | undefined
  readonly attributes?: readonly Attribute[] | undefined
  readonly type: string
  readonly name: string
  readonly default_reservations?: readonly ResourceReservationInfo[] | undefined
  readonly storage?: ResourceProviderInfoStorage | undefined
}

export interface ResourceProviderInfoStorage {
  readonly plugin: CSIPluginInfo
  readonly reconciliation_interval_seconds?: number | undefined
}

export interface TrafficControlStatistics {
  readonly id: string
  readonly backlog?: Int64 | undefined
  readonly bytes?: Int64 | undefined
  readonly drops?: Int64 | undefined
  readonly overlimits?: Int64 | undefined
  readonly packets?: Int64 | undefined
  readonly qlen?: Int64 | undefined
  readonly ratebps?: Int64 | undefined
  readonly ratepps?: Int64 | undefined
  readonly requeues?: Int64 | undefined
}

export interface IpStatistics {
  readonly Forwarding?: Int64 | undefined
  readonly DefaultTTL?: Int64 | undefined
  readonly InReceives?: Int64 | undefined
  readonly InHdrErrors?: Int64 | undefined
  readonly InAddrErrors?: Int64 | undefined
  readonly ForwDatagrams?: Int64 | undefined
  readonly InUnknownProtos?: Int64 | undefined
  readonly InDiscards?: Int64 | undefined
  readonly InDelivers?: Int64 | undefined
  readonly OutRequests?: Int64 | undefined
  readonly OutDiscards?: Int64 | undefined
  readonly OutNoRoutes?: Int64 | undefined
  readonly ReasmTimeout?: Int64 | undefined
  readonly ReasmReqds?: Int64 | undefined
  readonly ReasmOKs?: Int64 | undefined
  readonly ReasmFails?: Int64 | undefined
  readonly FragOKs?: Int64 | undefined
  readonly FragFails?: Int64 | undefined
  readonly FragCreates?: Int64 | undefined
}

export interface IcmpStatistics {
  readonly InMsgs?: Int64 | undefined
  readonly InErrors?: Int64 | undefined
  readonly InCsumErrors?: Int64 | undefined
  readonly InDestUnreachs?: Int64 | undefined
  readonly InTimeExcds?: Int64 | undefined
  readonly InParmProbs?: Int64 | undefined
  readonly InSrcQuenchs?: Int64 | undefined
  readonly InRedirects?: Int64 | undefined
  readonly InEchos?: Int64 | undefined
  readonly InEchoReps?: Int64 | undefined
  readonly InTimestamps?: Int64 | undefined
  readonly InTimestampReps?: Int64 | undefined
  readonly InAddrMasks?: Int64 | undefined
  readonly InAddrMaskReps?: Int64 | undefined
  readonly OutMsgs?: Int64 | undefined
  readonly OutErrors?: Int64 | undefined
  readonly OutDestUnreachs?: Int64 | undefined
  readonly OutTimeExcds?: Int64 | undefined
  readonly OutParmProbs?: Int64 | undefined
  readonly OutSrcQuenchs?: Int64 | undefined
  readonly OutRedirects?: Int64 | undefined
  readonly OutEchos?: Int64 | undefined
  readonly OutEchoReps?: Int64 | undefined
  readonly OutTimestamps?: Int64 | undefined
  readonly OutTimestampReps?: Int64 | undefined
  readonly OutAddrMasks?: Int64 | undefined
  readonly OutAddrMaskReps?: Int64 | undefined
}

export interface TcpStatistics {
  readonly RtoAlgorithm?: Int64 | undefined
  readonly RtoMin?: Int64 | undefined
  readonly RtoMax?: Int64 | undefined
  readonly MaxConn?: Int64 | undefined
  readonly ActiveOpens?: Int64 | undefined
  readonly PassiveOpens?: Int64 | undefined
  readonly AttemptFails?: Int64 | undefined
  readonly EstabResets?: Int64 | undefined
  readonly CurrEstab?: Int64 | undefined
  readonly InSegs?: Int64 | undefined
  readonly OutSegs?: Int64 | undefined
  readonly RetransSegs?: Int64 | undefined
  readonly InErrs?: Int64 | undefined
  readonly OutRsts?: Int64 | undefined
  readonly InCsumErrors?: Int64 | undefined
}

export interface UdpStatistics {
  readonly InDatagrams?: Int64 | undefined
  readonly NoPorts?: Int64 | undefined
  readonly InErrors?: Int64 | undefined
  readonly OutDatagrams?: Int64 | undefined
  readonly RcvbufErrors?: Int64 | undefined
  readonly SndbufErrors?: Int64 | undefined
  readonly InCsumErrors?: Int64 | undefined
  readonly IgnoredMulti?: Int64 | undefined
}

export interface SNMPStatistics {
  readonly ip_stats?: IpStatistics | undefined
  readonly icmp_stats?: IcmpStatistics | undefined
  readonly tcp_stats?: TcpStatistics | undefined
  readonly udp_stats?: UdpStatistics | undefined
}

export interface DiskStatistics {
  readonly source?: ResourceDiskInfoSource | undefined
  readonly persistence?: ResourceDiskInfoPersistence | undefined
  readonly limit_bytes?: Int64 | undefined
  readonly used_bytes?: Int64 | undefined
}

export interface ResourceStatistics {
  readonly timestamp: number
  readonly cpus_user_time_secs?: number | undefined
  readonly cpus_system_time_secs?: number | undefined
  readonly cpus_limit?: number | undefined
  readonly mem_rss_bytes?: Int64 | undefined
  readonly mem_limit_bytes?: Int64 | undefined
  readonly cpus_nr_periods?: number | undefined
  readonly cpus_nr_throttled?: number | undefined
  readonly cpus_throttled_time_secs?: number | undefined
  readonly mem_file_bytes?: Int64 | undefined
  readonly mem_anon_bytes?: Int64 | undefined
  readonly mem_mapped_file_bytes?: Int64 | undefined
  readonly perf?: PerfStatistics | undefined
  readonly net_rx_packets?: Int64 | undefined
  readonly net_rx_bytes?: Int64 | undefined
  readonly net_rx_errors?: Int64 | undefined
  readonly net_rx_dropped?: Int64 | undefined
  readonly net_tx_packets?: Int64 | undefined
  readonly net_tx_bytes?: Int64 | undefined
  readonly net_tx_errors?: Int64 | undefined
  readonly net_tx_dropped?: Int64 | undefined
  readonly net_tcp_rtt_microsecs_p50?: number | undefined
  readonly net_tcp_rtt_microsecs_p90?: number | undefined
  readonly net_tcp_rtt_microsecs_p95?: number | undefined
  readonly net_tcp_rtt_microsecs_p99?: number | undefined
  readonly disk_limit_bytes?: Int64 | undefined
  readonly disk_used_bytes?: Int64 | undefined
  readonly net_tcp_active_connections?: number | undefined
  readonly net_tcp_time_wait_connections?: number | undefined
  readonly processes?: number | undefined
  readonly threads?: number | undefined
  readonly mem_low_pressure_counter?: Int64 | undefined
  readonly mem_medium_pressure_counter?: Int64 | undefined
  readonly mem_critical_pressure_counter?: Int64 | undefined
  readonly net_traffic_control_statistics?: readonly TrafficControlStatistics[] | undefined
  readonly mem_total_bytes?: Int64 | undefined
  readonly mem_total_memsw_bytes?: Int64 | undefined
  readonly mem_soft_limit_bytes?: Int64 | undefined
  readonly mem_cache_bytes?: Int64 | undefined
  readonly mem_swap_bytes?: Int64 | undefined
  readonly mem_unevictable_bytes?: Int64 | undefined
  readonly net_snmp_statistics?: SNMPStatistics | undefined
  readonly disk_statistics?: readonly DiskStatistics[] | undefined
  readonly blkio_statistics?: CgroupInfoBlkioStatistics | undefined
  readonly cpus_soft_limit?: number | undefined
  readonly net_tx_rate_limit?: Int64 | undefined
  readonly net_tx_burst_rate_limit?: Int64 | undefined
  readonly net_tx_burst_size?: Int64 | undefined
  readonly net_rx_rate_limit?: Int64 | undefined
  readonly net_rx_burst_rate_limit?: Int64 | undefined
  readonly net_rx_burst_size?: Int64 | undefined
  readonly mem_kmem_usage_bytes?: Int64 | undefined
  readonly mem_kmem_tcp_usage_bytes?: Int64 | undefined
  readonly net_rate_statistics?: ResourceStatisticsRateStatistics | undefined
  readonly net_ephemeral_ports?: ValueRange | undefined
}

export interface ResourceStatisticsRatePercentiles {
  readonly min?: Int64 | undefined
  readonly max?: Int64 | undefined
  readonly p50?: Int64 | undefined
  readonly p90?: Int64 | undefined
  readonly p95?: Int64 | undefined
  readonly p99?: Int64 | undefined
  readonly p999?: Int64 | undefined
  readonly p9999?: Int64 | undefined
  readonly samples?: Int64 | undefined
}

export interface ResourceStatisticsRateStatistics {
  readonly rx_rate?: ResourceStatisticsRatePercentiles | undefined
  readonly rx_packet_rate?: ResourceStatisticsRatePercentiles | undefined
  readonly rx_drop_rate?: ResourceStatisticsRatePercentiles | undefined
  readonly rx_error_rate?: ResourceStatisticsRatePercentiles | undefined
  readonly tx_rate?: ResourceStatisticsRatePercentiles | undefined
  readonly tx_packet_rate?: ResourceStatisticsRatePercentiles | undefined
  readonly tx_drop_rate?: ResourceStatisticsRatePercentiles | undefined
  readonly tx_error_rate?: ResourceStatisticsRatePercentiles | undefined
  readonly sampling_window_secs?: number | undefined
  readonly sampling_interval_secs?: number | undefined
}

export interface PerfStatistics {
  readonly timestamp: number
  readonly duration: number
  readonly cycles?: Int64 | undefined
  readonly stalled_cycles_frontend?: Int64 | undefined
  readonly stalled_cycles_backend?: Int64 | undefined
  readonly instructions?: Int64 | undefined
  readonly cache_references?: Int64 | undefined
  readonly cache_misses?: Int64 | undefined
  readonly branches?: Int64 | undefined
  readonly branch_misses?: Int64 | undefined
  readonly bus_cycles?: Int64 | undefined
  readonly ref_cycles?: Int64 | undefined
  readonly cpu_clock?: number | undefined
  readonly task_clock?: number | undefined
  readonly page_faults?: Int64 | undefined
  readonly minor_faults?: Int64 | undefined
  readonly major_faults?: Int64 | undefined
  readonly context_switches?: Int64 | undefined
  readonly cpu_migrations?: Int64 | undefined
  readonly alignment_faults?: Int64 | undefined
  readonly emulation_faults?: Int64 | undefined
  readonly l1_dcache_loads?: Int64 | undefined
  readonly l1_dcache_load_misses?: Int64 | undefined
  readonly l1_dcache_stores?: Int64 | undefined
  readonly l1_dcache_store_misses?: Int64 | undefined
  readonly l1_dcache_prefetches?: Int64 | undefined
  readonly l1_dcache_prefetch_misses?: Int64 | undefined
  readonly l1_icache_loads?: Int64 | undefined
  readonly l1_icache_load_misses?: Int64 | undefined
  readonly l1_icache_prefetches?: Int64 | undefined
  readonly l1_icache_prefetch_misses?: Int64 | undefined
  readonly llc_loads?: Int64 | undefined
  readonly llc_load_misses?: Int64 | undefined
  readonly llc_stores?: Int64 | undefined
  readonly llc_store_misses?: Int64 | undefined
  readonly llc_prefetches?: Int64 | undefined
  readonly llc_prefetch_misses?: Int64 | undefined
  readonly dtlb_loads?: Int64 | undefined
  readonly dtlb_load_misses?: Int64 | undefined
  readonly dtlb_stores?: Int64 | undefined
  readonly dtlb_store_misses?: Int64 | undefined
  readonly dtlb_prefetches?: Int64 | undefined
  readonly dtlb_prefetch_misses?: Int64 | undefined
  readonly itlb_loads?: Int64 | undefined
  readonly itlb_load_misses?: Int64 | undefined
  readonly branch_loads?: Int64 | undefined
  readonly branch_load_misses?: Int64 | undefined
  readonly node_loads?: Int64 | undefined
  readonly node_load_misses?: Int64 | undefined
  readonly node_stores?: Int64 | undefined
  readonly node_store_misses?: Int64 | undefined
  readonly node_prefetches?: Int64 | undefined
  readonly node_prefetch_misses?: Int64 | undefined
}

export interface Task {
  readonly name: string
  readonly task_id: TaskID
  readonly framework_id: FrameworkID
  readonly executor_id?: ExecutorID | undefined
  readonly agent_id: AgentID
  readonly state: TaskState
  readonly resources?: readonly Resource[] | undefined
  readonly statuses?: readonly TaskStatus[] | undefined
  readonly status_update_state?: TaskState | undefined
  readonly status_update_uuid?: Bytes | undefined
  readonly labels?: Labels | undefined
  readonly discovery?: DiscoveryInfo | undefined
  readonly container?: ContainerInfo | undefined
  readonly user?: string | undefined
  readonly health_check?: HealthCheck | undefined
  readonly kill_policy?: KillPolicy | undefined
  readonly limits?: Readonly<Record<string, ValueScalar>> | undefined
}

export interface Operation {
  readonly framework_id?: FrameworkID | undefined
  readonly agent_id?: AgentID | undefined
  readonly info: OfferOperation
  readonly latest_status: OperationStatus
  readonly statuses?: readonly OperationStatus[] | undefined
  readonly uuid: UUID
}

export interface WeightInfo {
  readonly weight: number
  readonly role?: string | undefined
}

export interface VersionInfo {
  readonly version: string
  readonly build_date?: string | undefined
  readonly build_time?: number | undefined
  readonly build_user?: string | undefined
  readonly git_sha?: string | undefined
  readonly git_branch?: string | undefined
  readonly git_tag?: string | undefined
}

export interface Flag {
  readonly name: string
  readonly value?: string | undefined
}

export interface Role {
  readonly name: string
  readonly weight: number
  readonly frameworks?: readonly FrameworkID[] | undefined
  readonly resources?: readonly Resource[] | undefined
}

export interface Metric {
  readonly name: string
  readonly value?: number | undefined
}

export interface FileInfo {
  readonly path: string
  readonly nlink?: number | undefined
  readonly size?: Int64 | undefined
  readonly mtime?: TimeInfo | undefined
  readonly mode?: number | undefined
  readonly uid?: string | undefined
  readonly gid?: string | undefined
}

export interface DrainConfig {
  readonly max_grace_period?: DurationInfo | undefined
  /** Default false. */
  readonly mark_gone?: boolean | undefined
}

export interface DrainInfo {
  readonly state: DrainState
  readonly config: DrainConfig
}

export interface ValueScalar {
  readonly value: number
}

export interface ValueRange {
  readonly begin: Int64
  readonly end: Int64
}

export interface ValueRanges {
  readonly range?: readonly ValueRange[] | undefined
}

export interface ValueSet {
  readonly item?: readonly string[] | undefined
}

export interface ValueText {
  readonly value: string
}

export interface DeviceNumber {
  readonly major_number: Int64
  readonly minor_number: Int64
}

export interface SchedulerEvent {
  readonly type?: SchedulerEventType | undefined
  readonly subscribed?: SchedulerEventSubscribed | undefined
  readonly offers?: SchedulerEventOffers | undefined
  readonly rescind?: SchedulerEventRescind | undefined
  readonly update?: SchedulerEventUpdate | undefined
  readonly message?: SchedulerEventMessage | undefined
  readonly failure?: SchedulerEventFailure | undefined
  readonly error?: SchedulerEventError | undefined
  readonly inverse_offers?: SchedulerEventInverseOffers | undefined
  readonly rescind_inverse_offer?: SchedulerEventRescindInverseOffer | undefined
  readonly update_operation_status?: SchedulerEventUpdateOperationStatus | undefined
}

export interface SchedulerEventSubscribed {
  readonly framework_id: FrameworkID
  readonly heartbeat_interval_seconds?: number | undefined
  readonly master_info?: MasterInfo | undefined
}

export interface SchedulerEventOffers {
  readonly offers?: readonly Offer[] | undefined
}

export interface SchedulerEventInverseOffers {
  readonly inverse_offers?: readonly InverseOffer[] | undefined
}

export interface SchedulerEventRescind {
  readonly offer_id: OfferID
}

export interface SchedulerEventRescindInverseOffer {
  readonly inverse_offer_id: OfferID
}

export interface SchedulerEventUpdate {
  readonly status: TaskStatus
}

export interface SchedulerEventUpdateOperationStatus {
  readonly status: OperationStatus
}

export interface SchedulerEventMessage {
  readonly agent_id: AgentID
  readonly executor_id: ExecutorID
  readonly data: Bytes
}

export interface SchedulerEventFailure {
  readonly agent_id?: AgentID | undefined
  readonly executor_id?: ExecutorID | undefined
  readonly status?: number | undefined
}

export interface SchedulerEventError {
  readonly message: string
}

export interface SchedulerResponse {
  readonly type?: SchedulerResponseType | undefined
  /** Deprecated. */
  readonly reconcile_operations?: SchedulerResponseReconcileOperations | undefined
}

export interface SchedulerResponseReconcileOperations {
  /** Deprecated. */
  readonly operation_statuses?: readonly OperationStatus[] | undefined
}

export interface SchedulerAttributeConstraint {
  readonly selector: SchedulerAttributeConstraintSelector
  readonly predicate: SchedulerAttributeConstraintPredicate
}

export interface SchedulerAttributeConstraintSelector {
  /** One of `selector`. */
  readonly pseudoattribute_type?: SchedulerAttributeConstraintSelectorPseudoattributeType | undefined
  /** One of `selector`. */
  readonly attribute_name?: string | undefined
}

export interface SchedulerAttributeConstraintPredicate {
  /** One of `predicate`. */
  readonly exists?: SchedulerAttributeConstraintPredicateExists | undefined
  /** One of `predicate`. */
  readonly not_exists?: SchedulerAttributeConstraintPredicateNotExists | undefined
  /** One of `predicate`. */
  readonly text_equals?: SchedulerAttributeConstraintPredicateTextEquals | undefined
  /** One of `predicate`. */
  readonly text_not_equals?: SchedulerAttributeConstraintPredicateTextNotEquals | undefined
  /** One of `predicate`. */
  readonly text_matches?: SchedulerAttributeConstraintPredicateTextMatches | undefined
  /** One of `predicate`. */
  readonly text_not_matches?: SchedulerAttributeConstraintPredicateTextNotMatches | undefined
}

export type SchedulerAttributeConstraintPredicateExists = Readonly<Record<string, never>>

export type SchedulerAttributeConstraintPredicateNotExists = Readonly<Record<string, never>>

export interface SchedulerAttributeConstraintPredicateTextEquals {
  readonly value: string
}

export interface SchedulerAttributeConstraintPredicateTextNotEquals {
  readonly value: string
}

export interface SchedulerAttributeConstraintPredicateTextMatches {
  readonly regex: string
}

export interface SchedulerAttributeConstraintPredicateTextNotMatches {
  readonly regex: string
}

export interface SchedulerOfferConstraints {
  readonly role_constraints?: Readonly<Record<string, SchedulerOfferConstraintsRoleConstraints>> | undefined
}

export interface SchedulerOfferConstraintsRoleConstraints {
  readonly groups?: readonly SchedulerOfferConstraintsRoleConstraintsGroup[] | undefined
}

export interface SchedulerOfferConstraintsRoleConstraintsGroup {
  readonly attribute_constraints?: readonly SchedulerAttributeConstraint[] | undefined
}

export interface SchedulerCall {
  readonly framework_id?: FrameworkID | undefined
  readonly type?: SchedulerCallType | undefined
  readonly subscribe?: SchedulerCallSubscribe | undefined
  readonly accept?: SchedulerCallAccept | undefined
  readonly decline?: SchedulerCallDecline | undefined
  readonly kill?: SchedulerCallKill | undefined
  readonly shutdown?: SchedulerCallShutdown | undefined
  readonly acknowledge?: SchedulerCallAcknowledge | undefined
  readonly reconcile?: SchedulerCallReconcile | undefined
  readonly message?: SchedulerCallMessage | undefined
  readonly request?: SchedulerCallRequest | undefined
  readonly accept_inverse_offers?: SchedulerCallAcceptInverseOffers | undefined
  readonly decline_inverse_offers?: SchedulerCallDeclineInverseOffers | undefined
  readonly revive?: SchedulerCallRevive | undefined
  readonly suppress?: SchedulerCallSuppress | undefined
  readonly acknowledge_operation_status?: SchedulerCallAcknowledgeOperationStatus | undefined
  readonly reconcile_operations?: SchedulerCallReconcileOperations | undefined
  readonly update_framework?: SchedulerCallUpdateFramework | undefined
}

export interface SchedulerCallSubscribe {
  readonly framework_info: FrameworkInfo
  readonly suppressed_roles?: readonly string[] | undefined
  readonly offer_constraints?: SchedulerOfferConstraints | undefined
}

export interface SchedulerCallAccept {
  readonly offer_ids?: readonly OfferID[] | undefined
  readonly operations?: readonly OfferOperation[] | undefined
  readonly filters?: Filters | undefined
}

export interface SchedulerCallDecline {
  readonly offer_ids?: readonly OfferID[] | undefined
  readonly filters?: Filters | undefined
}

export interface SchedulerCallAcceptInverseOffers {
  readonly inverse_offer_ids?: readonly OfferID[] | undefined
  readonly filters?: Filters | undefined
}

export interface SchedulerCallDeclineInverseOffers {
  readonly inverse_offer_ids?: readonly OfferID[] | undefined
  readonly filters?: Filters | undefined
}

export interface SchedulerCallRevive {
  readonly roles?: readonly string[] | undefined
}

export interface SchedulerCallKill {
  readonly task_id: TaskID
  readonly agent_id?: AgentID | undefined
  readonly kill_policy?: KillPolicy | undefined
}

export interface SchedulerCallShutdown {
  readonly executor_id: ExecutorID
  readonly agent_id: AgentID
}

export interface SchedulerCallAcknowledge {
  readonly agent_id: AgentID
  readonly task_id: TaskID
  readonly uuid: Bytes
}

export interface SchedulerCallAcknowledgeOperationStatus {
  readonly agent_id?: AgentID | undefined
  readonly resource_provider_id?: ResourceProviderID | undefined
  readonly uuid: Bytes
  readonly operation_id: OperationID
}

export interface SchedulerCallReconcile {
  readonly tasks?: readonly SchedulerCallReconcileTask[] | undefined
}

export interface SchedulerCallReconcileTask {
  readonly task_id: TaskID
  readonly agent_id?: AgentID | undefined
}

export interface SchedulerCallReconcileOperations {
  readonly operations?: readonly SchedulerCallReconcileOperationsOperation[] | undefined
}

export interface SchedulerCallReconcileOperationsOperation {
  readonly operation_id: OperationID
  readonly agent_id?: AgentID | undefined
  readonly resource_provider_id?: ResourceProviderID | undefined
}

export interface SchedulerCallMessage {
  readonly agent_id: AgentID
  readonly executor_id: ExecutorID
  readonly data: Bytes
}

export interface SchedulerCallRequest {
  readonly requests?: readonly Request[] | undefined
}

export interface SchedulerCallSuppress {
  readonly roles?: readonly string[] | undefined
}

export interface SchedulerCallUpdateFramework {
  readonly framework_info: FrameworkInfo
  readonly suppressed_roles?: readonly string[] | undefined
  readonly offer_constraints?: SchedulerOfferConstraints | undefined
}

export interface ExecutorEvent {
  readonly type?: ExecutorEventType | undefined
  readonly subscribed?: ExecutorEventSubscribed | undefined
  readonly acknowledged?: ExecutorEventAcknowledged | undefined
  readonly launch?: ExecutorEventLaunch | undefined
  readonly kill?: ExecutorEventKill | undefined
  readonly message?: ExecutorEventMessage | undefined
  readonly error?: ExecutorEventError | undefined
  readonly launch_group?: ExecutorEventLaunchGroup | undefined
}

export interface ExecutorEventSubscribed {
  readonly executor_info: ExecutorInfo
  readonly framework_info: FrameworkInfo
  readonly agent_info: AgentInfo
  readonly container_id?: ContainerID | undefined
}

export interface ExecutorEventLaunch {
  readonly task: TaskInfo
}

export interface ExecutorEventLaunchGroup {
  readonly task_group: TaskGroupInfo
}

export interface ExecutorEventKill {
  readonly task_id: TaskID
  readonly kill_policy?: KillPolicy | undefined
}

export interface ExecutorEventAcknowledged {
  readonly task_id: TaskID
  readonly uuid: Bytes
}

export interface ExecutorEventMessage {
  readonly data: Bytes
}

export interface ExecutorEventError {
  readonly message: string
}

export interface ExecutorCall {
  readonly executor_id: ExecutorID
  readonly framework_id: FrameworkID
  readonly type?: ExecutorCallType | undefined
  readonly subscribe?: ExecutorCallSubscribe | undefined
  readonly update?: ExecutorCallUpdate | undefined
  readonly message?: ExecutorCallMessage | undefined
}

export interface ExecutorCallSubscribe {
  readonly unacknowledged_tasks?: readonly TaskInfo[] | undefined
  readonly unacknowledged_updates?: readonly ExecutorCallUpdate[] | undefined
}

export interface ExecutorCallUpdate {
  readonly status: TaskStatus
}

export interface ExecutorCallMessage {
  readonly data: Bytes
}

export interface AllocatorInverseOfferStatus {
  readonly status: AllocatorInverseOfferStatusStatus
  readonly framework_id: FrameworkID
  readonly timestamp: TimeInfo
}

export interface MaintenanceWindow {
  readonly machine_ids?: readonly MachineID[] | undefined
  readonly unavailability: Unavailability
}

export interface MaintenanceSchedule {
  readonly windows?: readonly MaintenanceWindow[] | undefined
}

export interface MaintenanceClusterStatus {
  readonly draining_machines?: readonly MaintenanceClusterStatusDrainingMachine[] | undefined
  readonly down_machines?: readonly MachineID[] | undefined
}

export interface MaintenanceClusterStatusDrainingMachine {
  readonly id: MachineID
  readonly statuses?: readonly AllocatorInverseOfferStatus[] | undefined
}

export interface QuotaInfo {
  readonly role?: string | undefined
  readonly principal?: string | undefined
  readonly guarantee?: readonly Resource[] | undefined
}

export interface QuotaRequest {
  readonly force?: boolean | undefined
  readonly role?: string | undefined
  readonly guarantee?: readonly Resource[] | undefined
}

export interface QuotaConfig {
  readonly role: string
  readonly guarantees?: Readonly<Record<string, ValueScalar>> | undefined
  readonly limits?: Readonly<Record<string, ValueScalar>> | undefined
}

export interface QuotaStatus {
  /** Deprecated. */
  readonly infos?: readonly QuotaInfo[] | undefined
  readonly configs?: readonly QuotaConfig[] | undefined
}

export interface MasterCall {
  readonly type?: MasterCallType | undefined
  readonly get_metrics?: MasterCallGetMetrics | undefined
  readonly set_logging_level?: MasterCallSetLoggingLevel | undefined
  readonly list_files?: MasterCallListFiles | undefined
  readonly read_file?: MasterCallReadFile | undefined
  readonly update_weights?: MasterCallUpdateWeights | undefined
  readonly reserve_resources?: MasterCallReserveResources | undefined
  readonly unreserve_resources?: MasterCallUnreserveResources | undefined
  readonly create_volumes?: MasterCallCreateVolumes | undefined
  readonly destroy_volumes?: MasterCallDestroyVolumes | undefined
  readonly update_maintenance_schedule?: MasterCallUpdateMaintenanceSchedule | undefined
  readonly start_maintenance?: MasterCallStartMaintenance | undefined
  readonly stop_maintenance?: MasterCallStopMaintenance | undefined
  /** Deprecated. */
  readonly set_quota?: MasterCallSetQuota | undefined
  /** Deprecated. */
  readonly remove_quota?: MasterCallRemoveQuota | undefined
  readonly teardown?: MasterCallTeardown | undefined
  readonly mark_agent_gone?: MasterCallMarkAgentGone | undefined
  readonly grow_volume?: MasterCallGrowVolume | undefined
  readonly shrink_volume?: MasterCallShrinkVolume | undefined
  readonly update_quota?: MasterCallUpdateQuota | undefined
  readonly drain_agent?: MasterCallDrainAgent | undefined
  readonly deactivate_agent?: MasterCallDeactivateAgent | undefined
  readonly reactivate_agent?: MasterCallReactivateAgent | undefined
}

export interface MasterCallGetMetrics {
  readonly timeout?: DurationInfo | undefined
}

export interface MasterCallSetLoggingLevel {
  readonly level: number
  readonly duration: DurationInfo
}

export interface MasterCallListFiles {
  readonly path: string
}

export interface MasterCallReadFile {
  readonly path: string
  readonly offset: Int64
  readonly length?: Int64 | undefined
}

export interface MasterCallUpdateWeights {
  readonly weight_infos?: readonly WeightInfo[] | undefined
}

export interface MasterCallReserveResources {
  readonly agent_id: AgentID
  readonly resources?: readonly Resource[] | undefined
  readonly source?: readonly Resource[] | undefined
}

export interface MasterCallUnreserveResources {
  readonly agent_id: AgentID
  readonly resources?: readonly Resource[] | undefined
}

export interface MasterCallCreateVolumes {
  readonly agent_id: AgentID
  readonly volumes?: readonly Resource[] | undefined
}

export interface MasterCallDestroyVolumes {
  readonly agent_id: AgentID
  readonly volumes?: readonly Resource[] | undefined
}

export interface MasterCallGrowVolume {
  readonly agent_id?: AgentID | undefined
  readonly volume: Resource
  readonly addition: Resource
}

export interface MasterCallShrinkVolume {
  readonly agent_id?: AgentID | undefined
  readonly volume: Resource
  readonly subtract: ValueScalar
}

export interface MasterCallUpdateMaintenanceSchedule {
  readonly schedule: MaintenanceSchedule
}

export interface MasterCallStartMaintenance {
  readonly machines?: readonly MachineID[] | undefined
}

export interface MasterCallStopMaintenance {
  readonly machines?: readonly MachineID[] | undefined
}

export interface MasterCallDrainAgent {
  readonly agent_id: AgentID
  readonly max_grace_period?: Duration | undefined
  /** Default false. */
  readonly mark_gone?: boolean | undefined
}

export interface MasterCallDeactivateAgent {
  readonly agent_id: AgentID
}

export interface MasterCallReactivateAgent {
  readonly agent_id: AgentID
}

export interface MasterCallUpdateQuota {
  readonly force?: boolean | undefined
  readonly quota_configs?: readonly QuotaConfig[] | undefined
}

export interface MasterCallSetQuota {
  readonly quota_request: QuotaRequest
}

export interface MasterCallRemoveQuota {
  readonly role: string
}

export interface MasterCallTeardown {
  readonly framework_id: FrameworkID
}

export interface MasterCallMarkAgentGone {
  readonly agent_id: AgentID
}

export interface MasterResponse {
  readonly type?: MasterResponseType | undefined
  readonly get_health?: MasterResponseGetHealth | undefined
  readonly get_flags?: MasterResponseGetFlags | undefined
  readonly get_version?: MasterResponseGetVersion | undefined
  readonly get_metrics?: MasterResponseGetMetrics | undefined
  readonly get_logging_level?: MasterResponseGetLoggingLevel | undefined
  readonly list_files?: MasterResponseListFiles | undefined
  readonly read_file?: MasterResponseReadFile | undefined
  readonly get_state?: MasterResponseGetState | undefined
  readonly get_agents?: MasterResponseGetAgents | undefined
  readonly get_frameworks?: MasterResponseGetFrameworks | undefined
  readonly get_executors?: MasterResponseGetExecutors | undefined
  readonly get_tasks?: MasterResponseGetTasks | undefined
  readonly get_roles?: MasterResponseGetRoles | undefined
  readonly get_weights?: MasterResponseGetWeights | undefined
  readonly get_master?: MasterResponseGetMaster | undefined
  readonly get_maintenance_status?: MasterResponseGetMaintenanceStatus | undefined
  readonly get_maintenance_schedule?: MasterResponseGetMaintenanceSchedule | undefined
  readonly get_quota?: MasterResponseGetQuota | undefined
  readonly get_operations?: MasterResponseGetOperations | undefined
}

export interface MasterResponseGetHealth {
  readonly healthy: boolean
}

export interface MasterResponseGetFlags {
  readonly flags?: readonly Flag[] | undefined
}

export interface MasterResponseGetVersion {
  readonly version_info: VersionInfo
}

export interface MasterResponseGetMetrics {
  readonly metrics?: readonly Metric[] | undefined
}

export interface MasterResponseGetLoggingLevel {
  readonly level: number
}

export interface MasterResponseListFiles {
  readonly file_infos?: readonly FileInfo[] | undefined
}

export interface MasterResponseReadFile {
  readonly size: Int64
  readonly data: Bytes
}

export interface MasterResponseGetState {
  readonly get_tasks?: MasterResponseGetTasks | undefined
  readonly get_executors?: MasterResponseGetExecutors | undefined
  readonly get_frameworks?: MasterResponseGetFrameworks | undefined
  readonly get_agents?: MasterResponseGetAgents | undefined
}

export interface MasterResponseGetAgents {
  readonly agents?: readonly MasterResponseGetAgentsAgent[] | undefined
  readonly recovered_agents?: readonly AgentInfo[] | undefined
}

export interface MasterResponseGetAgentsAgent {
  readonly agent_info: AgentInfo
  readonly active: boolean
  readonly version: string
  readonly pid?: string | undefined
  readonly registered_time?: TimeInfo | undefined
  readonly reregistered_time?: TimeInfo | undefined
  readonly total_resources?: readonly Resource[] | undefined
  readonly allocated_resources?: readonly Resource[] | undefined
  readonly offered_resources?: readonly Resource[] | undefined
  readonly capabilities?: readonly AgentInfoCapability[] | undefined
  readonly resource_providers?: readonly MasterResponseGetAgentsAgentResourceProvider[] | undefined
  readonly deactivated?: boolean | undefined
  readonly drain_info?: DrainInfo | undefined
  readonly estimated_drain_start_time?: TimeInfo | undefined
}

export interface MasterResponseGetAgentsAgentResourceProvider {
  readonly resource_provider_info: ResourceProviderInfo
  readonly total_resources?: readonly Resource[] | undefined
}

export interface MasterResponseGetFrameworks {
  readonly frameworks?: readonly MasterResponseGetFrameworksFramework[] | undefined
  readonly completed_frameworks?: readonly MasterResponseGetFrameworksFramework[] | undefined
  /** Deprecated. */
  readonly recovered_frameworks?: readonly FrameworkInfo[] | undefined
}

export interface MasterResponseGetFrameworksFramework {
  readonly framework_info: FrameworkInfo
  readonly active: boolean
  readonly connected: boolean
  readonly registered_time?: TimeInfo | undefined
  readonly reregistered_time?: TimeInfo | undefined
  readonly unregistered_time?: TimeInfo | undefined
  readonly offers?: readonly Offer[] | undefined
  readonly inverse_offers?: readonly InverseOffer[] | undefined
  readonly allocated_resources?: readonly Resource[] | undefined
  readonly offered_resources?: readonly Resource[] | undefined
  readonly recovered: boolean
  readonly offer_constraints?: SchedulerOfferConstraints | undefined
}

export interface MasterResponseGetExecutors {
  readonly executors?: readonly MasterResponseGetExecutorsExecutor[] | undefined
  /** Deprecated. */
  readonly orphan_executors?: readonly MasterResponseGetExecutorsExecutor[] | undefined
}

export interface MasterResponseGetExecutorsExecutor {
  readonly executor_info: ExecutorInfo
  readonly agent_id: AgentID
}

export interface MasterResponseGetOperations {
  readonly operations?: readonly Operation[] | undefined
}

export interface MasterResponseGetTasks {
  /** Deprecated. */
  readonly pending_tasks?: readonly Task[] | undefined
  readonly tasks?: readonly Task[] | undefined
  readonly completed_tasks?: readonly Task[] | undefined
  /** Deprecated. */
  readonly orphan_tasks?: readonly Task[] | undefined
  readonly unreachable_tasks?: readonly Task[] | undefined
}

export interface MasterResponseGetRoles {
  readonly roles?: readonly Role[] | undefined
}

export interface MasterResponseGetWeights {
  readonly weight_infos?: readonly WeightInfo[] | undefined
}

export interface MasterResponseGetMaster {
  readonly master_info?: MasterInfo | undefined
  readonly start_time?: number | undefined
  readonly elected_time?: number | undefined
}

export interface MasterResponseGetMaintenanceStatus {
  readonly status: MaintenanceClusterStatus
}

export interface MasterResponseGetMaintenanceSchedule {
  readonly schedule: MaintenanceSchedule
}

export interface MasterResponseGetQuota {
  readonly status: QuotaStatus
}

export interface MasterEvent {
  readonly type?: MasterEventType | undefined
  readonly subscribed?: MasterEventSubscribed | undefined
  readonly task_added?: MasterEventTaskAdded | undefined
  readonly task_updated?: MasterEventTaskUpdated | undefined
  readonly agent_added?: MasterEventAgentAdded | undefined
  readonly agent_removed?: MasterEventAgentRemoved | undefined
  readonly framework_added?: MasterEventFrameworkAdded | undefined
  readonly framework_updated?: MasterEventFrameworkUpdated | undefined
  readonly framework_removed?: MasterEventFrameworkRemoved | undefined
}

export interface MasterEventSubscribed {
  readonly get_state?: MasterResponseGetState | undefined
  readonly heartbeat_interval_seconds?: number | undefined
}

export interface MasterEventTaskAdded {
  readonly task: Task
}

export interface MasterEventTaskUpdated {
  readonly framework_id: FrameworkID
  readonly status: TaskStatus
  readonly state: TaskState
}

export interface MasterEventFrameworkAdded {
  readonly framework: MasterResponseGetFrameworksFramework
}

export interface MasterEventFrameworkUpdated {
  readonly framework: MasterResponseGetFrameworksFramework
}

export interface MasterEventFrameworkRemoved {
  readonly framework_info: FrameworkInfo
}

export interface MasterEventAgentAdded {
  readonly agent: MasterResponseGetAgentsAgent
}

export interface MasterEventAgentRemoved {
  readonly agent_id: AgentID
}

export interface AgentCall {
  readonly type?: AgentCallType | undefined
  readonly get_metrics?: AgentCallGetMetrics | undefined
  readonly set_logging_level?: AgentCallSetLoggingLevel | undefined
  readonly list_files?: AgentCallListFiles | undefined
  readonly read_file?: AgentCallReadFile | undefined
  /** Deprecated. */
  readonly launch_nested_container?: AgentCallLaunchNestedContainer | undefined
  /** Deprecated. */
  readonly wait_nested_container?: AgentCallWaitNestedContainer | undefined
  /** Deprecated. */
  readonly kill_nested_container?: AgentCallKillNestedContainer | undefined
  readonly launch_nested_container_session?: AgentCallLaunchNestedContainerSession | undefined
  readonly attach_container_input?: AgentCallAttachContainerInput | undefined
  readonly attach_container_output?: AgentCallAttachContainerOutput | undefined
  /** Deprecated. */
  readonly remove_nested_container?: AgentCallRemoveNestedContainer | undefined
  readonly launch_container?: AgentCallLaunchContainer | undefined
  readonly wait_container?: AgentCallWaitContainer | undefined
  readonly kill_container?: AgentCallKillContainer | undefined
  readonly remove_container?: AgentCallRemoveContainer | undefined
  readonly add_resource_provider_config?: AgentCallAddResourceProviderConfig | undefined
  readonly update_resource_provider_config?: AgentCallUpdateResourceProviderConfig | undefined
  readonly remove_resource_provider_config?: AgentCallRemoveResourceProviderConfig | undefined
  readonly get_containers?: AgentCallGetContainers | undefined
  readonly prune_images?: AgentCallPruneImages | undefined
  readonly mark_resource_provider_gone?: AgentCallMarkResourceProviderGone | undefined
}

export interface AgentCallGetMetrics {
  readonly timeout?: DurationInfo | undefined
}

export interface AgentCallSetLoggingLevel {
  readonly level: number
  readonly duration: DurationInfo
}

export interface AgentCallListFiles {
  readonly path: string
}

export interface AgentCallReadFile {
  readonly path: string
  readonly offset: Int64
  readonly length?: Int64 | undefined
}

export interface AgentCallGetContainers {
  readonly show_nested?: boolean | undefined
  readonly show_standalone?: boolean | undefined
}

export interface AgentCallLaunchNestedContainer {
  readonly container_id: ContainerID
  readonly command?: CommandInfo | undefined
  readonly container?: ContainerInfo | undefined
}

export interface AgentCallWaitNestedContainer {
  readonly container_id: ContainerID
}

export interface AgentCallKillNestedContainer {
  readonly container_id: ContainerID
  readonly signal?: number | undefined
}

export interface AgentCallRemoveNestedContainer {
  readonly container_id: ContainerID
}

export interface AgentCallLaunchNestedContainerSession {
  readonly container_id: ContainerID
  readonly command?: CommandInfo | undefined
  readonly container?: ContainerInfo | undefined
}

export interface AgentCallAttachContainerInput {
  readonly type?: AgentCallAttachContainerInputType | undefined
  readonly container_id?: ContainerID | undefined
  readonly process_io?: AgentProcessIO | undefined
}

export interface AgentCallAttachContainerOutput {
  readonly container_id: ContainerID
}

export interface AgentCallLaunchContainer {
  readonly container_id: ContainerID
  readonly command?: CommandInfo | undefined
  readonly resources?: readonly Resource[] | undefined
  readonly container?: ContainerInfo | undefined
  readonly limits?: Readonly<Record<string, ValueScalar>> | undefined
}

export interface AgentCallWaitContainer {
  readonly container_id: ContainerID
}

export interface AgentCallKillContainer {
  readonly container_id: ContainerID
  readonly signal?: number | undefined
}

export interface AgentCallRemoveContainer {
  readonly container_id: ContainerID
}

export interface AgentCallAddResourceProviderConfig {
  readonly info: ResourceProviderInfo
}

export interface AgentCallUpdateResourceProviderConfig {
  readonly info: ResourceProviderInfo
}

export interface AgentCallRemoveResourceProviderConfig {
  readonly type: string
  readonly name: string
}

export interface AgentCallMarkResourceProviderGone {
  readonly resource_provider_id: ResourceProviderID
}

export interface AgentCallPruneImages {
  readonly excluded_images?: readonly Image[] | undefined
}

export interface AgentResponse {
  readonly type?: AgentResponseType | undefined
  readonly get_health?: AgentResponseGetHealth | undefined
  readonly get_flags?: AgentResponseGetFlags | undefined
  readonly get_version?: AgentResponseGetVersion | undefined
  readonly get_metrics?: AgentResponseGetMetrics | undefined
  readonly get_logging_level?: AgentResponseGetLoggingLevel | undefined
  readonly list_files?: AgentResponseListFiles | undefined
  readonly read_file?: AgentResponseReadFile | undefined
  readonly get_state?: AgentResponseGetState | undefined
  readonly get_containers?: AgentResponseGetContainers | undefined
  readonly get_frameworks?: AgentResponseGetFrameworks | undefined
  readonly get_executors?: AgentResponseGetExecutors | undefined
  readonly get_tasks?: AgentResponseGetTasks | undefined
  readonly wait_nested_container?: AgentResponseWaitNestedContainer | undefined
  readonly get_agent?: AgentResponseGetAgent | undefined
  readonly wait_container?: AgentResponseWaitContainer | undefined
  readonly get_resource_providers?: AgentResponseGetResourceProviders | undefined
  readonly get_operations?: AgentResponseGetOperations | undefined
}

export interface AgentResponseGetHealth {
  readonly healthy: boolean
}

export interface AgentResponseGetFlags {
  readonly flags?: readonly Flag[] | undefined
}

export interface AgentResponseGetVersion {
  readonly version_info: VersionInfo
}

export interface AgentResponseGetMetrics {
  readonly metrics?: readonly Metric[] | undefined
}

export interface AgentResponseGetLoggingLevel {
  readonly level: number
}

export interface AgentResponseListFiles {
  readonly file_infos?: readonly FileInfo[] | undefined
}

export interface AgentResponseReadFile {
  readonly size: Int64
  readonly data: Bytes
}

export interface AgentResponseGetState {
  readonly get_tasks?: AgentResponseGetTasks | undefined
  readonly get_executors?: AgentResponseGetExecutors | undefined
  readonly get_frameworks?: AgentResponseGetFrameworks | undefined
}

export interface AgentResponseGetContainers {
  readonly containers?: readonly AgentResponseGetContainersContainer[] | undefined
}

export interface AgentResponseGetContainersContainer {
  readonly framework_id?: FrameworkID | undefined
  readonly executor_id?: ExecutorID | undefined
  readonly executor_name?: string | undefined
  readonly container_id: ContainerID
  readonly container_status?: ContainerStatus | undefined
  readonly resource_statistics?: ResourceStatistics | undefined
}

export interface AgentResponseGetFrameworks {
  readonly frameworks?: readonly AgentResponseGetFrameworksFramework[] | undefined
  readonly completed_frameworks?: readonly AgentResponseGetFrameworksFramework[] | undefined
}

export interface AgentResponseGetFrameworksFramework {
  readonly framework_info: FrameworkInfo
}

export interface AgentResponseGetExecutors {
  readonly executors?: readonly AgentResponseGetExecutorsExecutor[] | undefined
  readonly completed_executors?: readonly AgentResponseGetExecutorsExecutor[] | undefined
}

export interface AgentResponseGetExecutorsExecutor {
  readonly executor_info: ExecutorInfo
}

export interface AgentResponseGetOperations {
  readonly operations?: readonly Operation[] | undefined
}

export interface AgentResponseGetTasks {
  readonly pending_tasks?: readonly Task[] | undefined
  readonly queued_tasks?: readonly Task[] | undefined
  readonly launched_tasks?: readonly Task[] | undefined
  readonly terminated_tasks?: readonly Task[] | undefined
  readonly completed_tasks?: readonly Task[] | undefined
}

export interface AgentResponseGetAgent {
  readonly agent_info?: AgentInfo | undefined
  readonly drain_config?: DrainConfig | undefined
  readonly estimated_drain_start_time?: TimeInfo | undefined
}

export interface AgentResponseGetResourceProviders {
  readonly resource_providers?: readonly AgentResponseGetResourceProvidersResourceProvider[] | undefined
}

export interface AgentResponseGetResourceProvidersResourceProvider {
  readonly resource_provider_info: ResourceProviderInfo
  readonly total_resources?: readonly Resource[] | undefined
}

export interface AgentResponseWaitNestedContainer {
  readonly exit_status?: number | undefined
  readonly state?: TaskState | undefined
  readonly reason?: TaskStatusReason | undefined
  readonly limitation?: TaskResourceLimitation | undefined
  readonly message?: string | undefined
}

export interface AgentResponseWaitContainer {
  readonly exit_status?: number | undefined
  readonly state?: TaskState | undefined
  readonly reason?: TaskStatusReason | undefined
  readonly limitation?: TaskResourceLimitation | undefined
  readonly message?: string | undefined
}

export interface AgentProcessIO {
  readonly type?: AgentProcessIOType | undefined
  readonly data?: AgentProcessIOData | undefined
  readonly control?: AgentProcessIOControl | undefined
}

export interface AgentProcessIOData {
  readonly type?: AgentProcessIODataType | undefined
  readonly data?: Bytes | undefined
}

export interface AgentProcessIOControl {
  readonly type?: AgentProcessIOControlType | undefined
  readonly tty_info?: TTYInfo | undefined
  readonly heartbeat?: AgentProcessIOControlHeartbeat | undefined
}

export interface AgentProcessIOControlHeartbeat {
  readonly interval?: DurationInfo | undefined
}

export type FrameworkInfoCapabilityType =
  | 'UNKNOWN'
  | 'REVOCABLE_RESOURCES'
  | 'TASK_KILLING_STATE'
  | 'GPU_RESOURCES'
  | 'SHARED_RESOURCES'
  | 'PARTITION_AWARE'
  | 'MULTI_ROLE'
  | 'RESERVATION_REFINEMENT'
  | 'REGION_AWARE'

export type CheckInfoType =
  | 'UNKNOWN'
  | 'COMMAND'
  | 'HTTP'
  | 'TCP'

export type HealthCheckType =
  | 'UNKNOWN'
  | 'COMMAND'
  | 'HTTP'
  | 'TCP'

export type ExecutorInfoType =
  | 'UNKNOWN'
  | 'DEFAULT'
  | 'CUSTOM'

export type MasterInfoCapabilityType =
  | 'UNKNOWN'
  | 'AGENT_UPDATE'
  | 'AGENT_DRAINING'
  | 'QUOTA_V2'

export type AgentInfoCapabilityType =
  | 'UNKNOWN'
  | 'MULTI_ROLE'
  | 'HIERARCHICAL_ROLE'
  | 'RESERVATION_REFINEMENT'
  | 'RESOURCE_PROVIDER'
  | 'RESIZE_VOLUME'
  | 'AGENT_OPERATION_FEEDBACK'
  | 'AGENT_DRAINING'
  | 'TASK_RESOURCE_LIMITS'

export type ResourceReservationInfoType =
  | 'UNKNOWN'
  | 'STATIC'
  | 'DYNAMIC'

export type ResourceDiskInfoSourceType =
  | 'UNKNOWN'
  | 'PATH'
  | 'MOUNT'
  | 'BLOCK'
  | 'RAW'

export type OfferOperationType =
  | 'UNKNOWN'
  | 'LAUNCH'
  | 'LAUNCH_GROUP'
  | 'RESERVE'
  | 'UNRESERVE'
  | 'CREATE'
  | 'DESTROY'
  | 'GROW_VOLUME'
  | 'SHRINK_VOLUME'
  | 'CREATE_DISK'
  | 'DESTROY_DISK'

export type TaskStatusSource =
  | 'SOURCE_MASTER'
  | 'SOURCE_AGENT'
  | 'SOURCE_EXECUTOR'

export type TaskStatusReason =
  | 'REASON_COMMAND_EXECUTOR_FAILED'
  | 'REASON_CONTAINER_LAUNCH_FAILED'
  | 'REASON_CONTAINER_LIMITATION'
  | 'REASON_CONTAINER_LIMITATION_DISK'
  | 'REASON_CONTAINER_LIMITATION_MEMORY'
  | 'REASON_CONTAINER_PREEMPTED'
  | 'REASON_CONTAINER_UPDATE_FAILED'
  | 'REASON_MAX_COMPLETION_TIME_REACHED'
  | 'REASON_EXECUTOR_REGISTRATION_TIMEOUT'
  | 'REASON_EXECUTOR_REREGISTRATION_TIMEOUT'
  | 'REASON_EXECUTOR_TERMINATED'
  | 'REASON_EXECUTOR_UNREGISTERED'
  | 'REASON_FRAMEWORK_REMOVED'
  | 'REASON_GC_ERROR'
  | 'REASON_INVALID_FRAMEWORKID'
  | 'REASON_INVALID_OFFERS'
  | 'REASON_IO_SWITCHBOARD_EXITED'
  | 'REASON_MASTER_DISCONNECTED'
  | 'REASON_RECONCILIATION'
  | 'REASON_RESOURCES_UNKNOWN'
  | 'REASON_AGENT_DISCONNECTED'
  | 'REASON_AGENT_DRAINING'
  | 'REASON_AGENT_REMOVED'
  | 'REASON_AGENT_REMOVED_BY_OPERATOR'
  | 'REASON_AGENT_REREGISTERED'
  | 'REASON_AGENT_RESTARTED'
  | 'REASON_AGENT_UNKNOWN'
  | 'REASON_TASK_KILLED_DURING_LAUNCH'
  | 'REASON_TASK_CHECK_STATUS_UPDATED'
  | 'REASON_TASK_HEALTH_CHECK_STATUS_UPDATED'
  | 'REASON_TASK_GROUP_INVALID'
  | 'REASON_TASK_GROUP_UNAUTHORIZED'
  | 'REASON_TASK_INVALID'
  | 'REASON_TASK_UNAUTHORIZED'
  | 'REASON_TASK_UNKNOWN'

export type EnvironmentVariableType =
  | 'UNKNOWN'
  | 'VALUE'
  | 'SECRET'

export type SecretType =
  | 'UNKNOWN'
  | 'REFERENCE'
  | 'VALUE'

export type ImageType =
  | 'APPC'
  | 'DOCKER'

export type MountPropagationMode =
  | 'UNKNOWN'
  | 'HOST_TO_CONTAINER'
  | 'BIDIRECTIONAL'

export type VolumeMode =
  | 'RW'
  | 'RO'

export type VolumeSourceType =
  | 'UNKNOWN'
  | 'DOCKER_VOLUME'
  | 'HOST_PATH'
  | 'SANDBOX_PATH'
  | 'SECRET'
  | 'CSI_VOLUME'

export type VolumeSourceSandboxPathType =
  | 'UNKNOWN'
  | 'SELF'
  | 'PARENT'

export type VolumeSourceCSIVolumeVolumeCapabilityAccessModeMode =
  | 'UNKNOWN'
  | 'SINGLE_NODE_WRITER'
  | 'SINGLE_NODE_READER_ONLY'
  | 'MULTI_NODE_READER_ONLY'
  | 'MULTI_NODE_SINGLE_WRITER'
  | 'MULTI_NODE_MULTI_WRITER'

export type NetworkInfoProtocol =
  | 'IPv4'
  | 'IPv6'

export type CapabilityInfoCapability =
  | 'UNKNOWN'
  | 'CHOWN'
  | 'DAC_OVERRIDE'
  | 'DAC_READ_SEARCH'
  | 'FOWNER'
  | 'FSETID'
  | 'KILL'
  | 'SETGID'
  | 'SETUID'
  | 'SETPCAP'
  | 'LINUX_IMMUTABLE'
  | 'NET_BIND_SERVICE'
  | 'NET_BROADCAST'
  | 'NET_ADMIN'
  | 'NET_RAW'
  | 'IPC_LOCK'
  | 'IPC_OWNER'
  | 'SYS_MODULE'
  | 'SYS_RAWIO'
  | 'SYS_CHROOT'
  | 'SYS_PTRACE'
  | 'SYS_PACCT'
  | 'SYS_ADMIN'
  | 'SYS_BOOT'
  | 'SYS_NICE'
  | 'SYS_RESOURCE'
  | 'SYS_TIME'
  | 'SYS_TTY_CONFIG'
  | 'MKNOD'
  | 'LEASE'
  | 'AUDIT_WRITE'
  | 'AUDIT_CONTROL'
  | 'SETFCAP'
  | 'MAC_OVERRIDE'
  | 'MAC_ADMIN'
  | 'SYSLOG'
  | 'WAKE_ALARM'
  | 'BLOCK_SUSPEND'
  | 'AUDIT_READ'
  | 'PERFMON'
  | 'BPF'
  | 'CHECKPOINT_RESTORE'

export type LinuxInfoIpcMode =
  | 'UNKNOWN'
  | 'PRIVATE'
  | 'SHARE_PARENT'

export type RLimitInfoRLimitType =
  | 'UNKNOWN'
  | 'RLMT_AS'
  | 'RLMT_CORE'
  | 'RLMT_CPU'
  | 'RLMT_DATA'
  | 'RLMT_FSIZE'
  | 'RLMT_LOCKS'
  | 'RLMT_MEMLOCK'
  | 'RLMT_MSGQUEUE'
  | 'RLMT_NICE'
  | 'RLMT_NOFILE'
  | 'RLMT_NPROC'
  | 'RLMT_RSS'
  | 'RLMT_RTPRIO'
  | 'RLMT_RTTIME'
  | 'RLMT_SIGPENDING'
  | 'RLMT_STACK'

export type ContainerInfoType =
  | 'DOCKER'
  | 'MESOS'

export type ContainerInfoDockerInfoNetwork =
  | 'HOST'
  | 'BRIDGE'
  | 'NONE'
  | 'USER'

export type CgroupInfoBlkioOperation =
  | 'UNKNOWN'
  | 'TOTAL'
  | 'READ'
  | 'WRITE'
  | 'SYNC'
  | 'ASYNC'
  | 'DISCARD'

export type DiscoveryInfoVisibility =
  | 'FRAMEWORK'
  | 'CLUSTER'
  | 'EXTERNAL'

export type CSIPluginContainerInfoService =
  | 'UNKNOWN'
  | 'CONTROLLER_SERVICE'
  | 'NODE_SERVICE'

export type ValueType =
  | 'SCALAR'
  | 'RANGES'
  | 'SET'
  | 'TEXT'

export type TaskState =
  | 'TASK_STAGING'
  | 'TASK_STARTING'
  | 'TASK_RUNNING'
  | 'TASK_KILLING'
  | 'TASK_FINISHED'
  | 'TASK_FAILED'
  | 'TASK_KILLED'
  | 'TASK_ERROR'
  | 'TASK_LOST'
  | 'TASK_DROPPED'
  | 'TASK_UNREACHABLE'
  | 'TASK_GONE'
  | 'TASK_GONE_BY_OPERATOR'
  | 'TASK_UNKNOWN'

export type OperationState =
  | 'OPERATION_UNSUPPORTED'
  | 'OPERATION_PENDING'
  | 'OPERATION_FINISHED'
  | 'OPERATION_FAILED'
  | 'OPERATION_ERROR'
  | 'OPERATION_DROPPED'
  | 'OPERATION_UNREACHABLE'
  | 'OPERATION_GONE_BY_OPERATOR'
  | 'OPERATION_RECOVERING'
  | 'OPERATION_UNKNOWN'

export type DrainState =
  | 'UNKNOWN'
  | 'DRAINING'
  | 'DRAINED'

export type SchedulerEventType =
  | 'UNKNOWN'
  | 'SUBSCRIBED'
  | 'OFFERS'
  | 'INVERSE_OFFERS'
  | 'RESCIND'
  | 'RESCIND_INVERSE_OFFER'
  | 'UPDATE'
  | 'UPDATE_OPERATION_STATUS'
  | 'MESSAGE'
  | 'FAILURE'
  | 'ERROR'
  | 'HEARTBEAT'

export type SchedulerResponseType =
  | 'UNKNOWN'
  | 'RECONCILE_OPERATIONS'

export type SchedulerAttributeConstraintSelectorPseudoattributeType =
  | 'UNKNOWN'
  | 'HOSTNAME'
  | 'REGION'
  | 'ZONE'

export type SchedulerCallType =
  | 'UNKNOWN'
  | 'SUBSCRIBE'
  | 'TEARDOWN'
  | 'ACCEPT'
  | 'DECLINE'
  | 'ACCEPT_INVERSE_OFFERS'
  | 'DECLINE_INVERSE_OFFERS'
  | 'REVIVE'
  | 'KILL'
  | 'SHUTDOWN'
  | 'ACKNOWLEDGE'
  | 'ACKNOWLEDGE_OPERATION_STATUS'
  | 'RECONCILE'
  | 'RECONCILE_OPERATIONS'
  | 'MESSAGE'
  | 'REQUEST'
  | 'SUPPRESS'
  | 'UPDATE_FRAMEWORK'

export type ExecutorEventType =
  | 'UNKNOWN'
  | 'SUBSCRIBED'
  | 'LAUNCH'
  | 'LAUNCH_GROUP'
  | 'KILL'
  | 'ACKNOWLEDGED'
  | 'MESSAGE'
  | 'ERROR'
  | 'SHUTDOWN'
  | 'HEARTBEAT'

export type ExecutorCallType =
  | 'UNKNOWN'
  | 'SUBSCRIBE'
  | 'UPDATE'
  | 'MESSAGE'
  | 'HEARTBEAT'

export type AllocatorInverseOfferStatusStatus =
  | 'UNKNOWN'
  | 'ACCEPT'
  | 'DECLINE'

export type MasterCallType =
  | 'UNKNOWN'
  | 'GET_HEALTH'
  | 'GET_FLAGS'
  | 'GET_VERSION'
  | 'GET_METRICS'
  | 'GET_LOGGING_LEVEL'
  | 'SET_LOGGING_LEVEL'
  | 'LIST_FILES'
  | 'READ_FILE'
  | 'GET_STATE'
  | 'GET_AGENTS'
  | 'GET_FRAMEWORKS'
  | 'GET_EXECUTORS'
  | 'GET_OPERATIONS'
  | 'GET_TASKS'
  | 'GET_ROLES'
  | 'GET_WEIGHTS'
  | 'UPDATE_WEIGHTS'
  | 'GET_MASTER'
  | 'SUBSCRIBE'
  | 'RESERVE_RESOURCES'
  | 'UNRESERVE_RESOURCES'
  | 'CREATE_VOLUMES'
  | 'DESTROY_VOLUMES'
  | 'GROW_VOLUME'
  | 'SHRINK_VOLUME'
  | 'GET_MAINTENANCE_STATUS'
  | 'GET_MAINTENANCE_SCHEDULE'
  | 'UPDATE_MAINTENANCE_SCHEDULE'
  | 'START_MAINTENANCE'
  | 'STOP_MAINTENANCE'
  | 'DRAIN_AGENT'
  | 'DEACTIVATE_AGENT'
  | 'REACTIVATE_AGENT'
  | 'GET_QUOTA'
  | 'UPDATE_QUOTA'
  | 'SET_QUOTA'
  | 'REMOVE_QUOTA'
  | 'TEARDOWN'
  | 'MARK_AGENT_GONE'

export type MasterResponseType =
  | 'UNKNOWN'
  | 'GET_HEALTH'
  | 'GET_FLAGS'
  | 'GET_VERSION'
  | 'GET_METRICS'
  | 'GET_LOGGING_LEVEL'
  | 'LIST_FILES'
  | 'READ_FILE'
  | 'GET_STATE'
  | 'GET_AGENTS'
  | 'GET_FRAMEWORKS'
  | 'GET_EXECUTORS'
  | 'GET_OPERATIONS'
  | 'GET_TASKS'
  | 'GET_ROLES'
  | 'GET_WEIGHTS'
  | 'GET_MASTER'
  | 'GET_MAINTENANCE_STATUS'
  | 'GET_MAINTENANCE_SCHEDULE'
  | 'GET_QUOTA'

export type MasterEventType =
  | 'UNKNOWN'
  | 'SUBSCRIBED'
  | 'TASK_ADDED'
  | 'TASK_UPDATED'
  | 'AGENT_ADDED'
  | 'AGENT_REMOVED'
  | 'FRAMEWORK_ADDED'
  | 'FRAMEWORK_UPDATED'
  | 'FRAMEWORK_REMOVED'
  | 'HEARTBEAT'

export type AgentCallType =
  | 'UNKNOWN'
  | 'GET_HEALTH'
  | 'GET_FLAGS'
  | 'GET_VERSION'
  | 'GET_METRICS'
  | 'GET_LOGGING_LEVEL'
  | 'SET_LOGGING_LEVEL'
  | 'LIST_FILES'
  | 'READ_FILE'
  | 'GET_STATE'
  | 'GET_CONTAINERS'
  | 'GET_FRAMEWORKS'
  | 'GET_EXECUTORS'
  | 'GET_OPERATIONS'
  | 'GET_TASKS'
  | 'GET_AGENT'
  | 'GET_RESOURCE_PROVIDERS'
  | 'LAUNCH_NESTED_CONTAINER'
  | 'WAIT_NESTED_CONTAINER'
  | 'KILL_NESTED_CONTAINER'
  | 'REMOVE_NESTED_CONTAINER'
  | 'LAUNCH_NESTED_CONTAINER_SESSION'
  | 'ATTACH_CONTAINER_INPUT'
  | 'ATTACH_CONTAINER_OUTPUT'
  | 'LAUNCH_CONTAINER'
  | 'WAIT_CONTAINER'
  | 'KILL_CONTAINER'
  | 'REMOVE_CONTAINER'
  | 'ADD_RESOURCE_PROVIDER_CONFIG'
  | 'UPDATE_RESOURCE_PROVIDER_CONFIG'
  | 'REMOVE_RESOURCE_PROVIDER_CONFIG'
  | 'MARK_RESOURCE_PROVIDER_GONE'
  | 'PRUNE_IMAGES'

export type AgentCallAttachContainerInputType =
  | 'UNKNOWN'
  | 'CONTAINER_ID'
  | 'PROCESS_IO'

export type AgentResponseType =
  | 'UNKNOWN'
  | 'GET_HEALTH'
  | 'GET_FLAGS'
  | 'GET_VERSION'
  | 'GET_METRICS'
  | 'GET_LOGGING_LEVEL'
  | 'LIST_FILES'
  | 'READ_FILE'
  | 'GET_STATE'
  | 'GET_CONTAINERS'
  | 'GET_FRAMEWORKS'
  | 'GET_EXECUTORS'
  | 'GET_OPERATIONS'
  | 'GET_TASKS'
  | 'GET_AGENT'
  | 'GET_RESOURCE_PROVIDERS'
  | 'WAIT_NESTED_CONTAINER'
  | 'WAIT_CONTAINER'

export type AgentProcessIOType =
  | 'UNKNOWN'
  | 'DATA'
  | 'CONTROL'

export type AgentProcessIODataType =
  | 'UNKNOWN'
  | 'STDIN'
  | 'STDOUT'
  | 'STDERR'

export type AgentProcessIOControlType =
  | 'UNKNOWN'
  | 'TTY_INFO'
  | 'HEARTBEAT'

/** Every message by its dotted name. */
export interface MessageTypes {
  readonly 'google.protobuf.Duration': Duration
  readonly 'mesos.v1.FrameworkID': FrameworkID
  readonly 'mesos.v1.OfferID': OfferID
  readonly 'mesos.v1.AgentID': AgentID
  readonly 'mesos.v1.TaskID': TaskID
  readonly 'mesos.v1.ExecutorID': ExecutorID
  readonly 'mesos.v1.ContainerID': ContainerID
  readonly 'mesos.v1.ResourceProviderID': ResourceProviderID
  readonly 'mesos.v1.OperationID': OperationID
  readonly 'mesos.v1.TimeInfo': TimeInfo
  readonly 'mesos.v1.DurationInfo': DurationInfo
  readonly 'mesos.v1.Address': Address
  readonly 'mesos.v1.URL': URL
  readonly 'mesos.v1.Unavailability': Unavailability
  readonly 'mesos.v1.FrameworkInfo': FrameworkInfo
  readonly 'mesos.v1.FrameworkInfo.Capability': FrameworkInfoCapability
  readonly 'mesos.v1.CheckInfo': CheckInfo
  readonly 'mesos.v1.CheckInfo.Command': CheckInfoCommand
  readonly 'mesos.v1.CheckInfo.Http': CheckInfoHttp
  readonly 'mesos.v1.CheckInfo.Tcp': CheckInfoTcp
  readonly 'mesos.v1.HealthCheck': HealthCheck
  readonly 'mesos.v1.HealthCheck.HTTPCheckInfo': HealthCheckHTTPCheckInfo
  readonly 'mesos.v1.HealthCheck.TCPCheckInfo': HealthCheckTCPCheckInfo
  readonly 'mesos.v1.KillPolicy': KillPolicy
  readonly 'mesos.v1.CommandInfo': CommandInfo
  readonly 'mesos.v1.CommandInfo.URI': CommandInfoURI
  readonly 'mesos.v1.ExecutorInfo': ExecutorInfo
  readonly 'mesos.v1.DomainInfo': DomainInfo
  readonly 'mesos.v1.DomainInfo.FaultDomain': DomainInfoFaultDomain
  readonly 'mesos.v1.DomainInfo.FaultDomain.RegionInfo': DomainInfoFaultDomainRegionInfo
  readonly 'mesos.v1.DomainInfo.FaultDomain.ZoneInfo': DomainInfoFaultDomainZoneInfo
  readonly 'mesos.v1.MasterInfo': MasterInfo
  readonly 'mesos.v1.MasterInfo.Capability': MasterInfoCapability
  readonly 'mesos.v1.AgentInfo': AgentInfo
  readonly 'mesos.v1.AgentInfo.Capability': AgentInfoCapability
  readonly 'mesos.v1.Attribute': Attribute
  readonly 'mesos.v1.Resource': Resource
  readonly 'mesos.v1.Resource.AllocationInfo': ResourceAllocationInfo
  readonly 'mesos.v1.Resource.ReservationInfo': ResourceReservationInfo
  readonly 'mesos.v1.Resource.DiskInfo': ResourceDiskInfo
  readonly 'mesos.v1.Resource.DiskInfo.Persistence': ResourceDiskInfoPersistence
  readonly 'mesos.v1.Resource.DiskInfo.Source': ResourceDiskInfoSource
  readonly 'mesos.v1.Resource.DiskInfo.Source.Path': ResourceDiskInfoSourcePath
  readonly 'mesos.v1.Resource.DiskInfo.Source.Mount': ResourceDiskInfoSourceMount
  readonly 'mesos.v1.Resource.RevocableInfo': ResourceRevocableInfo
  readonly 'mesos.v1.Resource.SharedInfo': ResourceSharedInfo
  readonly 'mesos.v1.OfferFilters': OfferFilters
  readonly 'mesos.v1.OfferFilters.ResourceQuantities': OfferFiltersResourceQuantities
  readonly 'mesos.v1.OfferFilters.MinAllocatableResources': OfferFiltersMinAllocatableResources
  readonly 'mesos.v1.Request': Request
  readonly 'mesos.v1.Offer': Offer
  readonly 'mesos.v1.Offer.Operation': OfferOperation
  readonly 'mesos.v1.Offer.Operation.Launch': OfferOperationLaunch
  readonly 'mesos.v1.Offer.Operation.LaunchGroup': OfferOperationLaunchGroup
  readonly 'mesos.v1.Offer.Operation.Reserve': OfferOperationReserve
  readonly 'mesos.v1.Offer.Operation.Unreserve': OfferOperationUnreserve
  readonly 'mesos.v1.Offer.Operation.Create': OfferOperationCreate
  readonly 'mesos.v1.Offer.Operation.Destroy': OfferOperationDestroy
  readonly 'mesos.v1.Offer.Operation.GrowVolume': OfferOperationGrowVolume
  readonly 'mesos.v1.Offer.Operation.ShrinkVolume': OfferOperationShrinkVolume
  readonly 'mesos.v1.Offer.Operation.CreateDisk': OfferOperationCreateDisk
  readonly 'mesos.v1.Offer.Operation.DestroyDisk': OfferOperationDestroyDisk
  readonly 'mesos.v1.InverseOffer': InverseOffer
  readonly 'mesos.v1.TaskInfo': TaskInfo
  readonly 'mesos.v1.TaskGroupInfo': TaskGroupInfo
  readonly 'mesos.v1.TaskResourceLimitation': TaskResourceLimitation
  readonly 'mesos.v1.UUID': UUID
  readonly 'mesos.v1.OperationStatus': OperationStatus
  readonly 'mesos.v1.CheckStatusInfo': CheckStatusInfo
  readonly 'mesos.v1.CheckStatusInfo.Command': CheckStatusInfoCommand
  readonly 'mesos.v1.CheckStatusInfo.Http': CheckStatusInfoHttp
  readonly 'mesos.v1.CheckStatusInfo.Tcp': CheckStatusInfoTcp
  readonly 'mesos.v1.TaskStatus': TaskStatus
  readonly 'mesos.v1.Filters': Filters
  readonly 'mesos.v1.Environment': Environment
  readonly 'mesos.v1.Environment.Variable': EnvironmentVariable
  readonly 'mesos.v1.Parameter': Parameter
  readonly 'mesos.v1.Parameters': Parameters
  readonly 'mesos.v1.Credential': Credential
  readonly 'mesos.v1.Secret': Secret
  readonly 'mesos.v1.Secret.Reference': SecretReference
  readonly 'mesos.v1.Secret.Value': SecretValue
  readonly 'mesos.v1.Image': Image
  readonly 'mesos.v1.Image.Appc': ImageAppc
  readonly 'mesos.v1.Image.Docker': ImageDocker
  readonly 'mesos.v1.MountPropagation': MountPropagation
  readonly 'mesos.v1.Volume': Volume
  readonly 'mesos.v1.Volume.Source': VolumeSource
  readonly 'mesos.v1.Volume.Source.DockerVolume': VolumeSourceDockerVolume
  readonly 'mesos.v1.Volume.Source.HostPath': VolumeSourceHostPath
  readonly 'mesos.v1.Volume.Source.SandboxPath': VolumeSourceSandboxPath
  readonly 'mesos.v1.Volume.Source.CSIVolume': VolumeSourceCSIVolume
  readonly 'mesos.v1.Volume.Source.CSIVolume.VolumeCapability': VolumeSourceCSIVolumeVolumeCapability
  readonly 'mesos.v1.Volume.Source.CSIVolume.VolumeCapability.BlockVolume': VolumeSourceCSIVolumeVolumeCapabilityBlockVolume
  readonly 'mesos.v1.Volume.Source.CSIVolume.VolumeCapability.MountVolume': VolumeSourceCSIVolumeVolumeCapabilityMountVolume
  readonly 'mesos.v1.Volume.Source.CSIVolume.VolumeCapability.AccessMode': VolumeSourceCSIVolumeVolumeCapabilityAccessMode
  readonly 'mesos.v1.Volume.Source.CSIVolume.StaticProvisioning': VolumeSourceCSIVolumeStaticProvisioning
  readonly 'mesos.v1.NetworkInfo': NetworkInfo
  readonly 'mesos.v1.NetworkInfo.IPAddress': NetworkInfoIPAddress
  readonly 'mesos.v1.NetworkInfo.PortMapping': NetworkInfoPortMapping
  readonly 'mesos.v1.CapabilityInfo': CapabilityInfo
  readonly 'mesos.v1.SeccompInfo': SeccompInfo
  readonly 'mesos.v1.LinuxInfo': LinuxInfo
  readonly 'mesos.v1.RLimitInfo': RLimitInfo
  readonly 'mesos.v1.RLimitInfo.RLimit': RLimitInfoRLimit
  readonly 'mesos.v1.TTYInfo': TTYInfo
  readonly 'mesos.v1.TTYInfo.WindowSize': TTYInfoWindowSize
  readonly 'mesos.v1.ContainerInfo': ContainerInfo
  readonly 'mesos.v1.ContainerInfo.DockerInfo': ContainerInfoDockerInfo
  readonly 'mesos.v1.ContainerInfo.DockerInfo.PortMapping': ContainerInfoDockerInfoPortMapping
  readonly 'mesos.v1.ContainerInfo.MesosInfo': ContainerInfoMesosInfo
  readonly 'mesos.v1.ContainerStatus': ContainerStatus
  readonly 'mesos.v1.CgroupInfo': CgroupInfo
  readonly 'mesos.v1.CgroupInfo.NetCls': CgroupInfoNetCls
  readonly 'mesos.v1.CgroupInfo.Blkio.Value': CgroupInfoBlkioValue
  readonly 'mesos.v1.CgroupInfo.Blkio.Statistics': CgroupInfoBlkioStatistics
  readonly 'mesos.v1.CgroupInfo.Blkio.CFQ.Statistics': CgroupInfoBlkioCFQStatistics
  readonly 'mesos.v1.CgroupInfo.Blkio.Throttling.Statistics': CgroupInfoBlkioThrottlingStatistics
  readonly 'mesos.v1.Labels': Labels
  readonly 'mesos.v1.Label': Label
  readonly 'mesos.v1.Port': Port
  readonly 'mesos.v1.Ports': Ports
  readonly 'mesos.v1.DiscoveryInfo': DiscoveryInfo
  readonly 'mesos.v1.MachineID': MachineID
  readonly 'mesos.v1.CSIPluginContainerInfo': CSIPluginContainerInfo
  readonly 'mesos.v1.CSIPluginEndpoint': CSIPluginEndpoint
  readonly 'mesos.v1.CSIPluginInfo': CSIPluginInfo
  readonly 'mesos.v1.ResourceProviderInfo': ResourceProviderInfo
  readonly 'mesos.v1.ResourceProviderInfo.Storage': ResourceProviderInfoStorage
  readonly 'mesos.v1.TrafficControlStatistics': TrafficControlStatistics
  readonly 'mesos.v1.IpStatistics': IpStatistics
  readonly 'mesos.v1.IcmpStatistics': IcmpStatistics
  readonly 'mesos.v1.TcpStatistics': TcpStatistics
  readonly 'mesos.v1.UdpStatistics': UdpStatistics
  readonly 'mesos.v1.SNMPStatistics': SNMPStatistics
  readonly 'mesos.v1.DiskStatistics': DiskStatistics
  readonly 'mesos.v1.ResourceStatistics': ResourceStatistics
  readonly 'mesos.v1.ResourceStatistics.RatePercentiles': ResourceStatisticsRatePercentiles
  readonly 'mesos.v1.ResourceStatistics.RateStatistics': ResourceStatisticsRateStatistics
  readonly 'mesos.v1.PerfStatistics': PerfStatistics
  readonly 'mesos.v1.Task': Task
  readonly 'mesos.v1.Operation': Operation
  readonly 'mesos.v1.WeightInfo': WeightInfo
  readonly 'mesos.v1.VersionInfo': VersionInfo
  readonly 'mesos.v1.Flag': Flag
  readonly 'mesos.v1.Role': Role
  readonly 'mesos.v1.Metric': Metric
  readonly 'mesos.v1.FileInfo': FileInfo
  readonly 'mesos.v1.DrainConfig': DrainConfig
  readonly 'mesos.v1.DrainInfo': DrainInfo
  readonly 'mesos.v1.Value.Scalar': ValueScalar
  readonly 'mesos.v1.Value.Range': ValueRange
  readonly 'mesos.v1.Value.Ranges': ValueRanges
  readonly 'mesos.v1.Value.Set': ValueSet
  readonly 'mesos.v1.Value.Text': ValueText
  readonly 'mesos.v1.Device.Number': DeviceNumber
  readonly 'mesos.v1.scheduler.Event': SchedulerEvent
  readonly 'mesos.v1.scheduler.Event.Subscribed': SchedulerEventSubscribed
  readonly 'mesos.v1.scheduler.Event.Offers': SchedulerEventOffers
  readonly 'mesos.v1.scheduler.Event.InverseOffers': SchedulerEventInverseOffers
  readonly 'mesos.v1.scheduler.Event.Rescind': SchedulerEventRescind
  readonly 'mesos.v1.scheduler.Event.RescindInverseOffer': SchedulerEventRescindInverseOffer
  readonly 'mesos.v1.scheduler.Event.Update': SchedulerEventUpdate
  readonly 'mesos.v1.scheduler.Event.UpdateOperationStatus': SchedulerEventUpdateOperationStatus
  readonly 'mesos.v1.scheduler.Event.Message': SchedulerEventMessage
  readonly 'mesos.v1.scheduler.Event.Failure': SchedulerEventFailure
  readonly 'mesos.v1.scheduler.Event.Error': SchedulerEventError
  readonly 'mesos.v1.scheduler.Response': SchedulerResponse
  readonly 'mesos.v1.scheduler.Response.ReconcileOperations': SchedulerResponseReconcileOperations
  readonly 'mesos.v1.scheduler.AttributeConstraint': SchedulerAttributeConstraint
  readonly 'mesos.v1.scheduler.AttributeConstraint.Selector': SchedulerAttributeConstraintSelector
  readonly 'mesos.v1.scheduler.AttributeConstraint.Predicate': SchedulerAttributeConstraintPredicate
  readonly 'mesos.v1.scheduler.AttributeConstraint.Predicate.Exists': SchedulerAttributeConstraintPredicateExists
  readonly 'mesos.v1.scheduler.AttributeConstraint.Predicate.NotExists': SchedulerAttributeConstraintPredicateNotExists
  readonly 'mesos.v1.scheduler.AttributeConstraint.Predicate.TextEquals': SchedulerAttributeConstraintPredicateTextEquals
  readonly 'mesos.v1.scheduler.AttributeConstraint.Predicate.TextNotEquals': SchedulerAttributeConstraintPredicateTextNotEquals
  readonly 'mesos.v1.scheduler.AttributeConstraint.Predicate.TextMatches': SchedulerAttributeConstraintPredicateTextMatches
  readonly 'mesos.v1.scheduler.AttributeConstraint.Predicate.TextNotMatches': SchedulerAttributeConstraintPredicateTextNotMatches
  readonly 'mesos.v1.scheduler.OfferConstraints': SchedulerOfferConstraints
  readonly 'mesos.v1.scheduler.OfferConstraints.RoleConstraints': SchedulerOfferConstraintsRoleConstraints
  readonly 'mesos.v1.scheduler.OfferConstraints.RoleConstraints.Group': SchedulerOfferConstraintsRoleConstraintsGroup
  readonly 'mesos.v1.scheduler.Call': SchedulerCall
  readonly 'mesos.v1.scheduler.Call.Subscribe': SchedulerCallSubscribe
  readonly 'mesos.v1.scheduler.Call.Accept': SchedulerCallAccept
  readonly 'mesos.v1.scheduler.Call.Decline': SchedulerCallDecline
  readonly 'mesos.v1.scheduler.Call.AcceptInverseOffers': SchedulerCallAcceptInverseOffers
  readonly 'mesos.v1.scheduler.Call.DeclineInverseOffers': SchedulerCallDeclineInverseOffers
  readonly 'mesos.v1.scheduler.Call.Revive': SchedulerCallRevive
  readonly 'mesos.v1.scheduler.Call.Kill': SchedulerCallKill
  readonly 'mesos.v1.scheduler.Call.Shutdown': SchedulerCallShutdown
  readonly 'mesos.v1.scheduler.Call.Acknowledge': SchedulerCallAcknowledge
  readonly 'mesos.v1.scheduler.Call.AcknowledgeOperationStatus': SchedulerCallAcknowledgeOperationStatus
  readonly 'mesos.v1.scheduler.Call.Reconcile': SchedulerCallReconcile
  readonly 'mesos.v1.scheduler.Call.Reconcile.Task': SchedulerCallReconcileTask
  readonly 'mesos.v1.scheduler.Call.ReconcileOperations': SchedulerCallReconcileOperations
  readonly 'mesos.v1.scheduler.Call.ReconcileOperations.Operation': SchedulerCallReconcileOperationsOperation
  readonly 'mesos.v1.scheduler.Call.Message': SchedulerCallMessage
  readonly 'mesos.v1.scheduler.Call.Request': SchedulerCallRequest
  readonly 'mesos.v1.scheduler.Call.Suppress': SchedulerCallSuppress
  readonly 'mesos.v1.scheduler.Call.UpdateFramework': SchedulerCallUpdateFramework
  readonly 'mesos.v1.executor.Event': ExecutorEvent
  readonly 'mesos.v1.executor.Event.Subscribed': ExecutorEventSubscribed
  readonly 'mesos.v1.executor.Event.Launch': ExecutorEventLaunch
  readonly 'mesos.v1.executor.Event.LaunchGroup': ExecutorEventLaunchGroup
  readonly 'mesos.v1.executor.Event.Kill': ExecutorEventKill
  readonly 'mesos.v1.executor.Event.Acknowledged': ExecutorEventAcknowledged
  readonly 'mesos.v1.executor.Event.Message': ExecutorEventMessage
  readonly 'mesos.v1.executor.Event.Error': ExecutorEventError
  readonly 'mesos.v1.executor.Call': ExecutorCall
  readonly 'mesos.v1.executor.Call.Subscribe': ExecutorCallSubscribe
  readonly 'mesos.v1.executor.Call.Update': ExecutorCallUpdate
  readonly 'mesos.v1.executor.Call.Message': ExecutorCallMessage
  readonly 'mesos.v1.allocator.InverseOfferStatus': AllocatorInverseOfferStatus
  readonly 'mesos.v1.maintenance.Window': MaintenanceWindow
  readonly 'mesos.v1.maintenance.Schedule': MaintenanceSchedule
  readonly 'mesos.v1.maintenance.ClusterStatus': MaintenanceClusterStatus
  readonly 'mesos.v1.maintenance.ClusterStatus.DrainingMachine': MaintenanceClusterStatusDrainingMachine
  readonly 'mesos.v1.quota.QuotaInfo': QuotaInfo
  readonly 'mesos.v1.quota.QuotaRequest': QuotaRequest
  readonly 'mesos.v1.quota.QuotaConfig': QuotaConfig
  readonly 'mesos.v1.quota.QuotaStatus': QuotaStatus
  readonly 'mesos.v1.master.Call': MasterCall
  readonly 'mesos.v1.master.Call.GetMetrics': MasterCallGetMetrics
  readonly 'mesos.v1.master.Call.SetLoggingLevel': MasterCallSetLoggingLevel
  readonly 'mesos.v1.master.Call.ListFiles': MasterCallListFiles
  readonly 'mesos.v1.master.Call.ReadFile': MasterCallReadFile
  readonly 'mesos.v1.master.Call.UpdateWeights': MasterCallUpdateWeights
  readonly 'mesos.v1.master.Call.ReserveResources': MasterCallReserveResources
  readonly 'mesos.v1.master.Call.UnreserveResources': MasterCallUnreserveResources
  readonly 'mesos.v1.master.Call.CreateVolumes': MasterCallCreateVolumes
  readonly 'mesos.v1.master.Call.DestroyVolumes': MasterCallDestroyVolumes
  readonly 'mesos.v1.master.Call.GrowVolume': MasterCallGrowVolume
  readonly 'mesos.v1.master.Call.ShrinkVolume': MasterCallShrinkVolume
  readonly 'mesos.v1.master.Call.UpdateMaintenanceSchedule': MasterCallUpdateMaintenanceSchedule
  readonly 'mesos.v1.master.Call.StartMaintenance': MasterCallStartMaintenance
  readonly 'mesos.v1.master.Call.StopMaintenance': MasterCallStopMaintenance
  readonly 'mesos.v1.master.Call.DrainAgent': MasterCallDrainAgent
  readonly 'mesos.v1.master.Call.DeactivateAgent': MasterCallDeactivateAgent
  readonly 'mesos.v1.master.Call.ReactivateAgent': MasterCallReactivateAgent
  readonly 'mesos.v1.master.Call.UpdateQuota': MasterCallUpdateQuota
  readonly 'mesos.v1.master.Call.SetQuota': MasterCallSetQuota
  readonly 'mesos.v1.master.Call.RemoveQuota': MasterCallRemoveQuota
  readonly 'mesos.v1.master.Call.Teardown': MasterCallTeardown
  readonly 'mesos.v1.master.Call.MarkAgentGone': MasterCallMarkAgentGone
  readonly 'mesos.v1.master.Response': MasterResponse
  readonly 'mesos.v1.master.Response.GetHealth': MasterResponseGetHealth
  readonly 'mesos.v1.master.Response.GetFlags': MasterResponseGetFlags
  readonly 'mesos.v1.master.Response.GetVersion': MasterResponseGetVersion
  readonly 'mesos.v1.master.Response.GetMetrics': MasterResponseGetMetrics
  readonly 'mesos.v1.master.Response.GetLoggingLevel': MasterResponseGetLoggingLevel
  readonly 'mesos.v1.master.Response.ListFiles': MasterResponseListFiles
  readonly 'mesos.v1.master.Response.ReadFile': MasterResponseReadFile
  readonly 'mesos.v1.master.Response.GetState': MasterResponseGetState
  readonly 'mesos.v1.master.Response.GetAgents': MasterResponseGetAgents
  readonly 'mesos.v1.master.Response.GetAgents.Agent': MasterResponseGetAgentsAgent
  readonly 'mesos.v1.master.Response.GetAgents.Agent.ResourceProvider': MasterResponseGetAgentsAgentResourceProvider
  readonly 'mesos.v1.master.Response.GetFrameworks': MasterResponseGetFrameworks
  readonly 'mesos.v1.master.Response.GetFrameworks.Framework': MasterResponseGetFrameworksFramework
  readonly 'mesos.v1.master.Response.GetExecutors': MasterResponseGetExecutors
  readonly 'mesos.v1.master.Response.GetExecutors.Executor': MasterResponseGetExecutorsExecutor
  readonly 'mesos.v1.master.Response.GetOperations': MasterResponseGetOperations
  readonly 'mesos.v1.master.Response.GetTasks': MasterResponseGetTasks
  readonly 'mesos.v1.master.Response.GetRoles': MasterResponseGetRoles
  readonly 'mesos.v1.master.Response.GetWeights': MasterResponseGetWeights
  readonly 'mesos.v1.master.Response.GetMaster': MasterResponseGetMaster
  readonly 'mesos.v1.master.Response.GetMaintenanceStatus': MasterResponseGetMaintenanceStatus
  readonly 'mesos.v1.master.Response.GetMaintenanceSchedule': MasterResponseGetMaintenanceSchedule
  readonly 'mesos.v1.master.Response.GetQuota': MasterResponseGetQuota
  readonly 'mesos.v1.master.Event': MasterEvent
  readonly 'mesos.v1.master.Event.Subscribed': MasterEventSubscribed
  readonly 'mesos.v1.master.Event.TaskAdded': MasterEventTaskAdded
  readonly 'mesos.v1.master.Event.TaskUpdated': MasterEventTaskUpdated
  readonly 'mesos.v1.master.Event.FrameworkAdded': MasterEventFrameworkAdded
  readonly 'mesos.v1.master.Event.FrameworkUpdated': MasterEventFrameworkUpdated
  readonly 'mesos.v1.master.Event.FrameworkRemoved': MasterEventFrameworkRemoved
  readonly 'mesos.v1.master.Event.AgentAdded': MasterEventAgentAdded
  readonly 'mesos.v1.master.Event.AgentRemoved': MasterEventAgentRemoved
  readonly 'mesos.v1.agent.Call': AgentCall
  readonly 'mesos.v1.agent.Call.GetMetrics': AgentCallGetMetrics
  readonly 'mesos.v1.agent.Call.SetLoggingLevel': AgentCallSetLoggingLevel
  readonly 'mesos.v1.agent.Call.ListFiles': AgentCallListFiles
  readonly 'mesos.v1.agent.Call.ReadFile': AgentCallReadFile
  readonly 'mesos.v1.agent.Call.GetContainers': AgentCallGetContainers
  readonly 'mesos.v1.agent.Call.LaunchNestedContainer': AgentCallLaunchNestedContainer
  readonly 'mesos.v1.agent.Call.WaitNestedContainer': AgentCallWaitNestedContainer
  readonly 'mesos.v1.agent.Call.KillNestedContainer': AgentCallKillNestedContainer
  readonly 'mesos.v1.agent.Call.RemoveNestedContainer': AgentCallRemoveNestedContainer
  readonly 'mesos.v1.agent.Call.LaunchNestedContainerSession': AgentCallLaunchNestedContainerSession
  readonly 'mesos.v1.agent.Call.AttachContainerInput': AgentCallAttachContainerInput
  readonly 'mesos.v1.agent.Call.AttachContainerOutput': AgentCallAttachContainerOutput
  readonly 'mesos.v1.agent.Call.LaunchContainer': AgentCallLaunchContainer
  readonly 'mesos.v1.agent.Call.WaitContainer': AgentCallWaitContainer
  readonly 'mesos.v1.agent.Call.KillContainer': AgentCallKillContainer
  readonly 'mesos.v1.agent.Call.RemoveContainer': AgentCallRemoveContainer
  readonly 'mesos.v1.agent.Call.AddResourceProviderConfig': AgentCallAddResourceProviderConfig
  readonly 'mesos.v1.agent.Call.UpdateResourceProviderConfig': AgentCallUpdateResourceProviderConfig
  readonly 'mesos.v1.agent.Call.RemoveResourceProviderConfig': AgentCallRemoveResourceProviderConfig
  readonly 'mesos.v1.agent.Call.MarkResourceProviderGone': AgentCallMarkResourceProviderGone
  readonly 'mesos.v1.agent.Call.PruneImages': AgentCallPruneImages
  readonly 'mesos.v1.agent.Response': AgentResponse
  readonly 'mesos.v1.agent.Response.GetHealth': AgentResponseGetHealth
  readonly 'mesos.v1.agent.Response.GetFlags': AgentResponseGetFlags
  readonly 'mesos.v1.agent.Response.GetVersion': AgentResponseGetVersion
  readonly 'mesos.v1.agent.Response.GetMetrics': AgentResponseGetMetrics
  readonly 'mesos.v1.agent.Response.GetLoggingLevel': AgentResponseGetLoggingLevel
  readonly 'mesos.v1.agent.Response.ListFiles': AgentResponseListFiles
  readonly 'mesos.v1.agent.Response.ReadFile': AgentResponseReadFile
  readonly 'mesos.v1.agent.Response.GetState': AgentResponseGetState
  readonly 'mesos.v1.agent.Response.GetContainers': AgentResponseGetContainers
  readonly 'mesos.v1.agent.Response.GetContainers.Container': AgentResponseGetContainersContainer
  readonly 'mesos.v1.agent.Response.GetFrameworks': AgentResponseGetFrameworks
  readonly 'mesos.v1.agent.Response.GetFrameworks.Framework': AgentResponseGetFrameworksFramework
  readonly 'mesos.v1.agent.Response.GetExecutors': AgentResponseGetExecutors
  readonly 'mesos.v1.agent.Response.GetExecutors.Executor': AgentResponseGetExecutorsExecutor
  readonly 'mesos.v1.agent.Response.GetOperations': AgentResponseGetOperations
  readonly 'mesos.v1.agent.Response.GetTasks': AgentResponseGetTasks
  readonly 'mesos.v1.agent.Response.GetAgent': AgentResponseGetAgent
  readonly 'mesos.v1.agent.Response.GetResourceProviders': AgentResponseGetResourceProviders
  readonly 'mesos.v1.agent.Response.GetResourceProviders.ResourceProvider': AgentResponseGetResourceProvidersResourceProvider
  readonly 'mesos.v1.agent.Response.WaitNestedContainer': AgentResponseWaitNestedContainer
  readonly 'mesos.v1.agent.Response.WaitContainer': AgentResponseWaitContainer
  readonly 'mesos.v1.agent.ProcessIO': AgentProcessIO
  readonly 'mesos.v1.agent.ProcessIO.Data': AgentProcessIOData
  readonly 'mesos.v1.agent.ProcessIO.Control': AgentProcessIOControl
  readonly 'mesos.v1.agent.ProcessIO.Control.Heartbeat': AgentProcessIOControlHeartbeat
}
