import { createHash } from 'node:crypto';

/** Name of the VolumeAttachment of a volume on a node (upstream csi_attacher.go getAttachmentName). */
export function attachmentName(volumeHandle: string, driver: string, nodeName: string): string {
  return `csi-${createHash('sha256').update(`${volumeHandle}${driver}${nodeName}`).digest('hex')}`;
}
