import type { Params } from './params.ts'
import { asText } from './text.ts'

/** A product row as `crm.item.productrow.*` names it. */
export interface ProductRow {
  id: number
  ownerId: number
  ownerType: 'D'
  productId: number
  productName: string
  /** With discounts and taxes. */
  price: number
  priceAccount: number
  priceExclusive: number
  priceNetto: number
  priceBrutto: number
  quantity: number
  /** 1 a sum, 2 per cent. */
  discountTypeId: number
  discountRate: number
  discountSum: number
  taxRate: number
  taxIncluded: string
  customized: string
  measureCode: number
  measureName: string
  sort: number
}

const cents = (value: number): number => Math.round(value * 100) / 100

/** A row from what a caller wrote: the prices that follow from `price`, discount and tax are computed. */
export function productRow (written: Params, place: { id: number, ownerId: number, index: number }): ProductRow {
  const number = (name: string, otherwise: number): number => written[name] === undefined || written[name] === null || written[name] === '' ? otherwise : Number(written[name])
  const text = (name: string, otherwise: string): string => written[name] === undefined || written[name] === null ? otherwise : asText(written[name])
  const [price, taxRate, discountTypeId] = [number('price', 0), number('taxRate', 0), number('discountTypeId', 2)]
  const exclusive = price / (1 + taxRate / 100)
  const rate = number('discountRate', 0)
  const discount = discountTypeId === 1 ? number('discountSum', 0) : rate >= 100 ? number('discountSum', 0) : exclusive / (1 - rate / 100) - exclusive
  const netto = exclusive + discount
  return {
    id: place.id, ownerId: place.ownerId, ownerType: 'D', productId: number('productId', 0), productName: text('productName', ''),
    price, priceAccount: price, priceExclusive: cents(exclusive), priceNetto: cents(netto), priceBrutto: cents(netto * (1 + taxRate / 100)),
    quantity: number('quantity', 1), discountTypeId, discountRate: discountTypeId === 2 ? rate : netto === 0 ? 0 : cents(discount / netto * 100), discountSum: cents(discount),
    taxRate, taxIncluded: text('taxIncluded', 'N'), customized: 'Y', measureCode: number('measureCode', 796), measureName: text('measureName', 'pcs'),
    sort: number('sort', (place.index + 1) * 10)
  }
}

/** The sum and the tax of a deal that has these rows. */
export function totals (rows: readonly ProductRow[]): { sum: number, tax: number } {
  const sum = cents(rows.reduce((total, row) => total + row.price * row.quantity, 0))
  return { sum, tax: cents(sum - rows.reduce((total, row) => total + row.price / (1 + row.taxRate / 100) * row.quantity, 0)) }
}
