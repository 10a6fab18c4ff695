import { goTrim } from '@berth/kube';
import type { FieldError } from '../../../resource-definition.ts';
import { invalid } from '../../field.ts';

/** An image's name has no blanks around it: looked at where pods come in, not in templates (ValidatePodCreate, ValidatePodUpdate). */
export function imageBlanks(image: string, field: string): FieldError[] {
  return image === goTrim(image) ? [] : [invalid(field, image, 'must not have leading or trailing whitespace')];
}
