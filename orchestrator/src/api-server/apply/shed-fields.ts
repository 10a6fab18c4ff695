import { isReason } from '@berth/kube';
import type { AnyObject } from '../resource-definition.ts';

/** Writes an object; where it is too large, once more without its managedFields, which nobody needs that much. @throws ApiError */
export async function shedFields<T>(object: AnyObject, write: (object: AnyObject) => Promise<T>): Promise<T> {
  try {
    return await write(object);
  } catch (error) {
    if (!isReason(error, 'RequestEntityTooLarge') || !object.metadata.managedFields) throw error;
    const { managedFields: _, ...metadata } = object.metadata;
    return write({ ...object, metadata });
  }
}
