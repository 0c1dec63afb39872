"""x"""
def main() -> None:
    print("x")
