import { type ScrapedListing } from "../../src/listings/index.ts";

/** A listing in which every fact is given but one. */
export const house: ScrapedListing = {
  sourceKey: "kc-1",
  url: "/listings/kc-1",
  title: "Older waterfront home",
  description: "Built in 1924.",
  price: 640_000,
  bedrooms: 3,
  bathrooms: 1.75,
  sqftLiving: 1_800,
  sqftLot: 12_000,
  floors: 1.5,
  waterfront: true,
  view: 4,
  condition: 3,
  grade: 7,
  yearBuilt: 1924,
  yearRenovated: null,
  zipcode: "98103",
  latitude: 47.6,
  longitude: -122.3,
};
