import { type HouseFacts } from "./house.ts";

/**
 * Puts a house's facts into the words that people search with. Deterministic, and says only what the facts say: each
 * word stands for a range of one column.
 */
export function describeHouse(house: HouseFacts): { title: string; description: string } {
  const setting = house.waterfront ? "waterfront " : "";
  const beds = house.bedrooms === 0 ? "no bedrooms" : count(house.bedrooms, "bedroom");
  const title = capitalise(
    `${ageWord(house.yearBuilt)} ${setting}house with ${beds}${house.view >= 3 ? " and a great view" : ""} in ${house.zipcode}`,
  );
  const sentences = [
    `${capitalise(withArticle(`${ageWord(house.yearBuilt)}, ${sizeWord(house.sqftLiving)} ${setting}home`))} in King County, zip code ${house.zipcode}.`,
    `${count(house.bedrooms, "bedroom")} and ${count(house.bathrooms, "bathroom")} on ${count(house.floors, "floor")}, ${feet(house.sqftLiving)} of living space.`,
    `It stands on ${withArticle(lotWords(house.sqftLot))}: ${feet(house.sqftLot)}.`,
    built(house),
    `The house is ${conditionWords[house.condition - 1]}, with ${gradeWords(house.grade)}.`,
    ...(house.waterfront ? ["It is on the waterfront, directly at the water."] : []),
    ...(house.view > 0 ? [`It has ${viewWords[house.view - 1]}.`] : []),
  ];
  return { title, description: sentences.join(" ") };
}

const conditionWords = [
  "in poor condition and needs major repairs",
  "in fair condition and needs work",
  "in average condition",
  "in good condition and well kept",
  "in very good condition and excellently maintained",
];
const viewWords = ["a fair view", "an average view", "a good view", "an excellent view"];

const SQFT_PER_ACRE = 43_560;

/** By the year alone, so that the words do not change with the date of reading. The sales are of 2014 and 2015. */
function ageWord(yearBuilt: number): string {
  if (yearBuilt < 1940) return "historic older";
  if (yearBuilt < 1970) return "older";
  if (yearBuilt < 1990) return "established";
  if (yearBuilt < 2008) return "modern";
  return "new";
}

function sizeWord(sqftLiving: number): string {
  if (sqftLiving < 1000) return "small and compact";
  if (sqftLiving < 1800) return "mid-sized";
  if (sqftLiving < 3000) return "spacious";
  return "large and very spacious";
}

function lotWords(sqftLot: number): string {
  if (sqftLot < 3000) return "small lot with little land";
  if (sqftLot < 10_000) return "medium lot";
  if (sqftLot < SQFT_PER_ACRE) return "big lot with a lot of land";
  return `very big lot of ${trim(sqftLot / SQFT_PER_ACRE, 1)} acres`;
}

function gradeWords(grade: number): string {
  if (grade <= 4) return "construction quality below building standards";
  if (grade <= 6) return "simple, low-cost construction";
  if (grade === 7) return "average construction quality";
  if (grade <= 9) return "good construction quality and better finishes";
  if (grade <= 11) return "high-quality construction and luxury finishes";
  return "exceptional custom construction of mansion quality";
}

function built(house: HouseFacts): string {
  return house.yearRenovated === null
    ? `Built in ${house.yearBuilt}.`
    : `Built in ${house.yearBuilt} and renovated in ${house.yearRenovated}.`;
}

function count(value: number, noun: string): string {
  return `${trim(value, 2)} ${noun}${value === 1 ? "" : "s"}`;
}

function feet(value: number): string {
  return `${value.toLocaleString("en-US")} square feet`;
}

function trim(value: number, digits: number): string {
  return String(Number(value.toFixed(digits)));
}

function withArticle(text: string): string {
  return `${/^[aeiou]/i.test(text) ? "an" : "a"} ${text}`;
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
