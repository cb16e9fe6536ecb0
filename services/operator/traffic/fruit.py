"""The simulated fruit shop: what it sells, where, and how it is paid. Prices in fen."""

from __future__ import annotations

from dataclasses import dataclass

from shared.events.fields import TenderKind

PROGRAM_ID = "fruit-shop"
MERCHANT_ID = "fruit-shop-demo"
CURRENCY = "CNY"
STORES = ("hangzhou-west-lake", "hangzhou-binjiang", "ningbo-tianyi", "shanghai-jing-an")
TERMINALS_PER_STORE = 3
TENDER_KINDS: tuple[TenderKind, ...] = ("wechat_pay", "alipay", "card", "cash")


@dataclass(frozen=True, slots=True)
class Article:
    """Something on sale; `earns` is false for what is no green consumption, such as a carrier bag."""

    sku: str
    name: str
    category: str
    unit_price_minor: int
    labels: tuple[str, ...] = ()
    earns: bool = True


ARTICLES = (
    Article("apple-fuji-500g", "富士苹果 500g", "fruit", 880),
    Article("pear-crown-500g", "皇冠梨 500g", "fruit", 690),
    Article("orange-gannan-500g", "赣南脐橙 500g", "fruit", 990),
    Article("grape-shine-muscat-box", "阳光玫瑰葡萄 一盒", "fruit", 4_590),
    Article("strawberry-dandong-box", "丹东草莓 一盒", "fruit", 3_980),
    Article("kiwi-zhouzhi-6", "周至猕猴桃 6 个", "fruit", 2_150),
    Article("banana-500g", "香蕉 500g", "fruit", 459),
    Article("blueberry-125g", "蓝莓 125g", "fruit", 1_490),
    Article("cherry-yantai-500g", "烟台樱桃 500g", "fruit", 5_925),
    Article("watermelon-8424", "8424 西瓜 一个", "fruit", 3_260, ("large_fruit",)),
    Article("durian-monthong", "金枕榴莲 一个", "fruit", 16_880, ("large_fruit",)),
    Article("pomelo-guanxi", "琯溪蜜柚 一个", "fruit", 1_875, ("large_fruit",)),
)
CARRIER_BAG = Article("carrier-bag", "购物袋", "packaging", 30, earns=False)
