/** The unversioned types of a claim for devices (pkg/apis/resource/types.go), as ../gen/internal-shapes.ts has others; r: JSON as it came. */
export const deviceShapes: Readonly<Record<string, string>> = {
  ResourceClaimSpec: 'Devices:devices:o:DeviceClaim',
  DeviceClaim:
    'Requests:requests:l:DeviceRequest Constraints:constraints:l:DeviceConstraint Config:config:l:DeviceClaimConfiguration',
  DeviceRequest: 'Name:name:s Exactly:exactly:p:ExactDeviceRequest FirstAvailable:firstAvailable:l:DeviceSubRequest',
  ExactDeviceRequest:
    'DeviceClassName:deviceClassName:s Selectors:selectors:l:DeviceSelector AllocationMode:allocationMode:s Count:count:n AdminAccess:adminAccess:N Tolerations:tolerations:l:DeviceToleration Capacity:capacity:p:CapacityRequirements',
  DeviceSubRequest:
    'Name:name:s DeviceClassName:deviceClassName:s Selectors:selectors:l:DeviceSelector AllocationMode:allocationMode:s Count:count:n Tolerations:tolerations:l:DeviceToleration Capacity:capacity:p:CapacityRequirements',
  CapacityRequirements: 'Requests:requests:N',
  DeviceSelector: 'CEL:cel:p:CELDeviceSelector',
  CELDeviceSelector: 'Expression:expression:s',
  DeviceConstraint: 'Requests:requests:N MatchAttribute:matchAttribute:N DistinctAttribute:distinctAttribute:N',
  DeviceClaimConfiguration: 'Requests:requests:N Opaque:opaque:p:OpaqueDeviceConfiguration',
  OpaqueDeviceConfiguration: 'Driver:driver:s Parameters:parameters:r',
  DeviceToleration: 'Key:key:s Operator:operator:s Value:value:s Effect:effect:s TolerationSeconds:tolerationSeconds:N',
};
