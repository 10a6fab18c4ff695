/** The CSI sidecars, for any driver and any API server: provisioning, deletion, attachment, expansion. */
export type { ConnectedDriver, ControllerCapability } from './driver/connect-driver.ts';
export { type CsiClients, csiClients } from './driver/csi-clients.ts';
export { defaultSettings, type ProvisionerSettings } from './provisioner-settings.ts';
export { type AttacherOptions, type AttacherSettings, startAttacher } from './start-attacher.ts';
export {
  type ProvisionerOptions,
  type RunningSidecar,
  type SidecarOptions,
  startProvisioner,
} from './start-provisioner.ts';
export { type ResizerOptions, type ResizerSettings, startResizer } from './start-resizer.ts';
